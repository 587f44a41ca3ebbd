-- What this service keeps beside the old tables. Times are UTC with microseconds; ids are compared byte by byte.

-- What is needed to find and finish a cluster's things in the cloud.
CREATE TABLE cluster_handle (
  cluster_uuid VARCHAR(36) NOT NULL,
  stack_name VARCHAR(255) NOT NULL,
  credential VARCHAR(32) NULL,
  application_credential_id VARCHAR(255) NULL,
  join_secret_hash VARCHAR(64) NULL,
  plan_generation BIGINT NOT NULL DEFAULT 0,
  facts MEDIUMTEXT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at DATETIME(6) NOT NULL,
  PRIMARY KEY (cluster_uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Accepted work. `live` is the subject while the operation may be driven and NULL otherwise (queued or ended), so
-- that its unique key admits one live operation per subject.
CREATE TABLE operation (
  number BIGINT NOT NULL AUTO_INCREMENT,
  id VARCHAR(36) NOT NULL,
  kind VARCHAR(64) NOT NULL,
  subject VARCHAR(36) NOT NULL,
  live VARCHAR(36) NULL,
  params MEDIUMTEXT NOT NULL,
  state VARCHAR(16) NOT NULL,
  epoch BIGINT NOT NULL DEFAULT 0,
  touched BIGINT NOT NULL DEFAULT 0,
  attempt INT NOT NULL DEFAULT 0,
  owner VARCHAR(255) NULL,
  lease_until DATETIME(6) NULL,
  check_at DATETIME(6) NOT NULL,
  woken TINYINT(1) NOT NULL DEFAULT 0,
  timeout_ms BIGINT NOT NULL,
  deadline DATETIME(6) NOT NULL,
  failure TEXT NULL,
  cancelled TINYINT(1) NOT NULL DEFAULT 0,
  request_id VARCHAR(255) NOT NULL,
  project_id VARCHAR(255) NOT NULL,
  user_id VARCHAR(255) NOT NULL,
  created_at DATETIME(6) NOT NULL,
  finished_at DATETIME(6) NULL,
  PRIMARY KEY (number),
  UNIQUE KEY uniq_operation_id (id),
  UNIQUE KEY uniq_operation_live (live),
  KEY operation_subject (subject, state),
  KEY operation_check_at (check_at),
  KEY operation_finished_at (finished_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What happened to the steps of an operation: each (step, event) at most once.
CREATE TABLE operation_step (
  number BIGINT NOT NULL AUTO_INCREMENT,
  operation VARCHAR(36) NOT NULL,
  step VARCHAR(128) NOT NULL,
  event VARCHAR(16) NOT NULL,
  output MEDIUMTEXT NOT NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (number),
  UNIQUE KEY uniq_operation_step (operation, step, event)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Nodes that made themselves known.
CREATE TABLE node_registration (
  instance_id VARCHAR(255) NOT NULL,
  cluster_uuid VARCHAR(36) NOT NULL,
  nodegroup_uuid VARCHAR(36) NOT NULL,
  role VARCHAR(16) NOT NULL,
  is_primary TINYINT(1) NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL,
  address VARCHAR(255) NOT NULL,
  public_address VARCHAR(255) NULL,
  certificate TEXT NOT NULL,
  token_hash VARCHAR(64) NOT NULL,
  state VARCHAR(16) NOT NULL,
  generation BIGINT NOT NULL DEFAULT 0,
  step VARCHAR(255) NULL,
  error TEXT NULL,
  last_seen DATETIME(6) NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (instance_id),
  UNIQUE KEY uniq_node_registration_token (token_hash),
  KEY node_registration_cluster (cluster_uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Notifications that were committed together with what they tell of, and wait to be sent.
CREATE TABLE outbox (
  id BIGINT NOT NULL AUTO_INCREMENT,
  event TEXT NOT NULL,
  snapshot MEDIUMTEXT NOT NULL,
  owner VARCHAR(255) NULL,
  lease_until DATETIME(6) NULL,
  attempts INT NOT NULL DEFAULT 0,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One row per project, locked while its clusters are counted against the quota.
CREATE TABLE project_lock (
  project_id VARCHAR(255) NOT NULL,
  touched BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The old tables have no index that serves a project's list or a lookup by name.
CREATE INDEX cluster_project ON cluster (project_id);
CREATE INDEX cluster_name ON cluster (name);
CREATE INDEX cluster_template_of ON cluster (cluster_template_id);
CREATE INDEX cluster_template_project ON cluster_template (project_id);
