-- From Pike's tables to those of the Zed release, with a third group of nodes in the old cluster.
CREATE TABLE federation (
  created_at DATETIME, updated_at DATETIME, id ID, project_id VARCHAR(255), uuid VARCHAR(36), name VARCHAR(255),
  hostcluster_id VARCHAR(255), member_ids TEXT, status VARCHAR(20), status_reason TEXT, properties TEXT,
  CONSTRAINT uniq_federation0uuid UNIQUE (uuid)
) NARROW;
CREATE TABLE nodegroup (
  created_at DATETIME, updated_at DATETIME, id ID, uuid VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL,
  cluster_id VARCHAR(255) NOT NULL, project_id VARCHAR(255) NOT NULL, docker_volume_size INT, labels TEXT,
  flavor_id VARCHAR(255), image_id VARCHAR(255), node_addresses TEXT, node_count INT, max_node_count INT,
  min_node_count INT, role VARCHAR(255), is_default BOOLEAN, stack_id VARCHAR(255), status VARCHAR(20),
  status_reason TEXT, version VARCHAR(20),
  CONSTRAINT uniq_nodegroup0uuid UNIQUE (uuid), CONSTRAINT uniq_nodegroup0cluster_id0name UNIQUE (cluster_id, name)
) NARROW;
ALTER TABLE cluster ADD COLUMN labels TEXT;
ALTER TABLE cluster ADD COLUMN master_flavor_id VARCHAR(255);
ALTER TABLE cluster ADD COLUMN flavor_id VARCHAR(255);
ALTER TABLE cluster ADD COLUMN health_status VARCHAR(20);
ALTER TABLE cluster ADD COLUMN health_status_reason TEXT;
ALTER TABLE cluster ADD COLUMN fixed_network VARCHAR(255);
ALTER TABLE cluster ADD COLUMN fixed_subnet VARCHAR(255);
ALTER TABLE cluster ADD COLUMN floating_ip_enabled BOOLEAN;
ALTER TABLE cluster ADD COLUMN master_lb_enabled BOOLEAN;
ALTER TABLE cluster ADD COLUMN etcd_ca_cert_ref VARCHAR(512);
ALTER TABLE cluster ADD COLUMN front_proxy_ca_cert_ref VARCHAR(512);
ALTER TABLE cluster DROP COLUMN node_count;
ALTER TABLE cluster DROP COLUMN master_count;
ALTER TABLE cluster DROP COLUMN node_addresses;
ALTER TABLE cluster DROP COLUMN master_addresses;
ALTER TABLE cluster_template ADD COLUMN hidden BOOLEAN;
ALTER TABLE cluster_template ADD COLUMN tags VARCHAR(255);

UPDATE cluster SET labels = '{"swarm_strategy": "binpack"}', fixed_network = 'net-z', floating_ip_enabled = 1
WHERE name = 'old';
INSERT INTO nodegroup (created_at, uuid, name, cluster_id, project_id, labels, flavor_id, image_id, node_addresses,
  node_count, min_node_count, role, is_default, stack_id, status, version)
VALUES ('2019-01-01 00:00:00', '44444444-4444-4444-8444-444444444444', 'default-master',
  '22222222-2222-4222-8222-222222222222', 'project-a', '{}', 'm1.large', 'fedora-atomic', '["10.0.0.3"]', 3, 1,
  'master', 1, 'stack-a', 'CREATE_COMPLETE', '0');
INSERT INTO nodegroup (created_at, uuid, name, cluster_id, project_id, labels, flavor_id, image_id, node_addresses,
  node_count, min_node_count, role, is_default, stack_id, status, version)
VALUES ('2019-01-01 00:00:00', '55555555-5555-4555-8555-555555555555', 'default-worker',
  '22222222-2222-4222-8222-222222222222', 'project-a', '{}', 'm1.small', 'fedora-atomic',
  '["10.0.0.7", "10.0.0.8"]', 7, 1, 'worker', 1, 'stack-a', 'CREATE_COMPLETE', '0');
UPDATE alembic_version SET version_num = '7da8489d6a68';
