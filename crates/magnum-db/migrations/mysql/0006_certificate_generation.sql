-- How often new authorities were drawn for a cluster; 0 for those it was made with.
ALTER TABLE cluster_handle ADD COLUMN certificate_generation BIGINT NOT NULL DEFAULT 0;
