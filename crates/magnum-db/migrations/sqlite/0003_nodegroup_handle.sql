-- What is needed to find the stack of a node group that has one of its own, and to admit its nodes.
CREATE TABLE nodegroup_handle (
  nodegroup_uuid VARCHAR(36) NOT NULL,
  cluster_uuid VARCHAR(36) NOT NULL,
  stack_name VARCHAR(255) NOT NULL,
  join_secret_hash VARCHAR(64) NULL,
  created_at DATETIME NOT NULL,
  PRIMARY KEY (nodegroup_uuid)
);
CREATE INDEX nodegroup_handle_cluster ON nodegroup_handle (cluster_uuid);
