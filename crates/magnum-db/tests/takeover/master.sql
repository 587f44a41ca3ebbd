-- From release 22's tables to those of the newest revision.
ALTER TABLE cluster DROP COLUMN trust_id;
ALTER TABLE cluster DROP COLUMN trustee_username;
ALTER TABLE cluster DROP COLUMN trustee_user_id;
ALTER TABLE cluster DROP COLUMN trustee_password;
ALTER TABLE nodegroup ADD COLUMN node_labels TEXT;
ALTER TABLE nodegroup ADD COLUMN node_taints TEXT;
UPDATE alembic_version SET version_num = 'b3e1cf4a2d5e';
