-- The image that an upgrade gave a node; none while it has that of its group.
ALTER TABLE node_registration ADD COLUMN wanted_image VARCHAR(255) NULL;
