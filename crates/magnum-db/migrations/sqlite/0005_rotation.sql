-- The rotation of a cluster's authorities that is under way, as JSON.
ALTER TABLE cluster_handle ADD COLUMN rotation TEXT NULL;
