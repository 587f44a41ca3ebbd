-- When an operation last moved a node to another state, and from which plan generation on its reports speak of that.
ALTER TABLE node_registration ADD COLUMN moved_at DATETIME(6) NULL;
ALTER TABLE node_registration ADD COLUMN moved_generation BIGINT NULL;
