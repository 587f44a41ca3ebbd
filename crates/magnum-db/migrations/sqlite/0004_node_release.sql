-- The release of the engine that a node is to run, where its driver knows releases.
ALTER TABLE node_registration ADD COLUMN wanted_release VARCHAR(64) NULL;
