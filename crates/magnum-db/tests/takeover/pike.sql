-- A database as the Pike release leaves it, with one cluster of ten nodes, and one whose template is gone.
-- ID, STORAGE_DRIVER and NARROW stand for what the two engines write differently.
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('aa0cc27839af');

CREATE TABLE cluster (
  created_at DATETIME, updated_at DATETIME, id ID, uuid VARCHAR(36), name VARCHAR(255),
  cluster_template_id VARCHAR(255), node_count INT, api_address VARCHAR(255), node_addresses TEXT,
  stack_id VARCHAR(255), project_id VARCHAR(255), user_id VARCHAR(255), status VARCHAR(20),
  discovery_url VARCHAR(255), status_reason TEXT, master_count INT, master_addresses TEXT,
  ca_cert_ref VARCHAR(512), magnum_cert_ref VARCHAR(512), create_timeout INT, trust_id VARCHAR(255),
  trustee_username VARCHAR(255), trustee_user_id VARCHAR(255), trustee_password VARCHAR(255),
  coe_version VARCHAR(255), container_version VARCHAR(255), keypair VARCHAR(255), docker_volume_size INT,
  CONSTRAINT uniq_bay0uuid UNIQUE (uuid)
);
CREATE TABLE cluster_template (
  created_at DATETIME, updated_at DATETIME, id ID, uuid VARCHAR(36), name VARCHAR(255), flavor_id VARCHAR(255),
  keypair_id VARCHAR(255), image_id VARCHAR(255), external_network_id VARCHAR(255), dns_nameserver VARCHAR(255),
  apiserver_port INT, project_id VARCHAR(255), user_id VARCHAR(255), docker_volume_size INT,
  fixed_network VARCHAR(255), master_flavor_id VARCHAR(255), cluster_distro VARCHAR(255), coe VARCHAR(255),
  http_proxy VARCHAR(255), https_proxy VARCHAR(255), no_proxy VARCHAR(255), registry_enabled BOOLEAN,
  network_driver VARCHAR(255), labels TEXT, tls_disabled BOOLEAN, public BOOLEAN,
  server_type VARCHAR(255) DEFAULT 'vm', volume_driver VARCHAR(255), insecure_registry VARCHAR(255),
  docker_storage_driver STORAGE_DRIVER, master_lb_enabled BOOLEAN, fixed_subnet VARCHAR(255),
  floating_ip_enabled BOOLEAN,
  CONSTRAINT uniq_baymodel0uuid UNIQUE (uuid)
);
CREATE TABLE magnum_service (
  created_at DATETIME, updated_at DATETIME, id ID, report_count INT NOT NULL, host VARCHAR(255),
  `binary` VARCHAR(255), disabled BOOLEAN, disabled_reason VARCHAR(255), last_seen_up DATETIME, forced_down BOOLEAN,
  CONSTRAINT uniq_magnum_service0host0binary UNIQUE (host, `binary`)
) NARROW;
CREATE TABLE quotas (
  id ID, created_at DATETIME, updated_at DATETIME, project_id VARCHAR(255), resource VARCHAR(255),
  hard_limit INT NOT NULL, CONSTRAINT uniq_quotas0project_id0resource UNIQUE (project_id, resource)
);
CREATE TABLE x509keypair (
  id ID, created_at DATETIME, updated_at DATETIME, uuid VARCHAR(36), certificate TEXT, private_key TEXT,
  project_id VARCHAR(255), user_id VARCHAR(255), intermediates TEXT, private_key_passphrase TEXT,
  CONSTRAINT uniq_x509keypair0uuid UNIQUE (uuid)
);

INSERT INTO cluster_template (created_at, uuid, name, flavor_id, master_flavor_id, image_id, project_id, user_id,
  coe, cluster_distro, labels, registry_enabled, tls_disabled, public, docker_storage_driver, master_lb_enabled,
  fixed_network, fixed_subnet, floating_ip_enabled)
VALUES ('2017-08-01 10:00:00', '11111111-1111-4111-8111-111111111111', 'swarm', 'm1.small', 'm1.large',
  'fedora-atomic', 'project-a', 'user-a', 'swarm-mode', 'fedora-atomic', '{"swarm_strategy": "spread"}', 0, 0, 0,
  'overlay', 1, 'net-a', 'subnet-a', 0);
INSERT INTO cluster (created_at, uuid, name, cluster_template_id, node_count, master_count, node_addresses,
  master_addresses, stack_id, project_id, user_id, status, status_reason, create_timeout, trust_id,
  trustee_password, keypair, docker_volume_size)
VALUES ('2017-09-01 10:00:00', '22222222-2222-4222-8222-222222222222', 'old',
  '11111111-1111-4111-8111-111111111111', 7, 3, '["10.0.0.7", "10.0.0.8"]', '["10.0.0.3"]', 'stack-a',
  'project-a', 'user-a', 'CREATE_COMPLETE', 'done', 60, 'trust-a', 'not-told', 'key-a', 25);
INSERT INTO cluster (created_at, uuid, name, cluster_template_id, stack_id, project_id, user_id, status)
VALUES ('2017-09-02 10:00:00', '33333333-3333-4333-8333-333333333333', 'orphan',
  '99999999-9999-4999-8999-999999999999', 'stack-b', 'project-b', 'user-b', 'CREATE_FAILED');
INSERT INTO quotas (project_id, resource, hard_limit) VALUES ('project-a', 'Cluster', 5);
INSERT INTO magnum_service (report_count, host, `binary`, disabled, forced_down)
VALUES (9, 'controller', 'magnum-conductor', 0, 0);
