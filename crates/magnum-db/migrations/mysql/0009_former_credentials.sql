-- What is left of the credentials that a cluster had before (JSON); none before its first rotation.
ALTER TABLE cluster_handle ADD COLUMN former_credentials TEXT NULL;
