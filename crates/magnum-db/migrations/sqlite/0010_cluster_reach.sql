-- Whether a cluster's API answers at its address, seen from the service's network. `due_at` is the next look's time, and
-- who moves it on makes the look; `told_at` is when somebody last set the cluster's health by PATCH.
CREATE TABLE cluster_reach (
  cluster_uuid VARCHAR(36) NOT NULL,
  due_at DATETIME NOT NULL,
  reached_at DATETIME NULL,
  missed INTEGER NOT NULL DEFAULT 0,
  missed_at DATETIME NULL,
  said TEXT NULL,
  told_at DATETIME NULL,
  PRIMARY KEY (cluster_uuid)
);
