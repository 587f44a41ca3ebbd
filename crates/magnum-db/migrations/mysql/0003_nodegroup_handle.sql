-- What is needed to find the stack of a node group that has one of its own, and to admit its nodes.
CREATE TABLE nodegroup_handle (
  nodegroup_uuid VARCHAR(36) NOT NULL,
  cluster_uuid VARCHAR(36) NOT NULL,
  stack_name VARCHAR(255) NOT NULL,
  join_secret_hash VARCHAR(64) NULL,
  created_at DATETIME(6) NOT NULL,
  PRIMARY KEY (nodegroup_uuid),
  KEY nodegroup_handle_cluster (cluster_uuid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
