-- From the Zed release's tables to those of release 22.
ALTER TABLE cluster_template ADD COLUMN driver VARCHAR(255);
UPDATE alembic_version SET version_num = 'c0f832afc4fd';
