//! Workloads whose pods are made anew, as the controllers tell it: over when no pod of an earlier template is left. Pods
//! of which none works may be stuck on both sides, for want of their image, say; nothing is waited for then.

use super::{command, must, read};
use crate::{actions::Context, error::StepError};
use magnum_types::plan::Kubectl;
use serde::Deserialize;

#[derive(Deserialize)]
struct Workload {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    generation: i64,
}

/// Of deployments and of daemon sets; a count that is not told is zero.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    ready_replicas: i64,
    current_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_ready: i64,
}

impl Workload {
    /// What is still to come; nothing when it is over.
    fn lacks(&self) -> Option<String> {
        let status = &self.status;
        if status.observed_generation < self.metadata.generation {
            return Some("its controller has not seen the change yet".to_owned());
        }
        let pods = status.replicas + status.current_number_scheduled;
        let old = pods - status.updated_replicas - status.updated_number_scheduled;
        let working = status.ready_replicas + status.number_ready;
        (old > 0 && working > 0).then(|| format!("{old} of {pods} pods are still the old ones"))
    }
}

pub(in crate::actions) fn wait(
    context: &Context<'_>,
    kubectl: &Kubectl,
    workloads: &[(String, String)],
) -> Result<(), StepError> {
    for (namespace, name) in workloads {
        let words = ["-n", namespace, "get", name, "--ignore-not-found", "-o", "json"];
        let text = must(context, &command(kubectl, &words))?;
        if text.trim().is_empty() {
            continue;
        }
        let workload: Workload = read(&text).map_err(StepError::NotYet)?;
        if let Some(lacks) = workload.lacks() {
            return Err(StepError::NotYet(format!("{name}: {lacks}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lacks(generation: i64, status: serde_json::Value) -> Option<String> {
        let workload = json!({ "metadata": { "generation": generation }, "status": status });
        serde_json::from_value::<Workload>(workload).unwrap().lacks()
    }

    #[test]
    fn it_is_over_when_no_working_pod_is_an_old_one() {
        let seen = |more: serde_json::Value| {
            let mut status = json!({ "observedGeneration": 2 });
            status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            lacks(2, status)
        };
        assert!(lacks(2, json!({ "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1 })).is_some());
        assert!(lacks(1, json!({})).is_some(), "nobody has seen it at all");
        // Deployments.
        let both = seen(json!({ "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1 }));
        assert_eq!(both.as_deref(), Some("1 of 2 pods are still the old ones"));
        assert_eq!(seen(json!({ "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1 })), None);
        assert_eq!(seen(json!({ "replicas": 2, "updatedReplicas": 1 })), None, "neither one works");
        // Daemon sets.
        let some = json!({ "currentNumberScheduled": 3, "updatedNumberScheduled": 1, "numberReady": 2 });
        assert_eq!(seen(some).as_deref(), Some("2 of 3 pods are still the old ones"));
        let all = json!({ "currentNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 2 });
        assert_eq!(seen(all), None);
    }
}
