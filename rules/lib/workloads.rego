# The workloads that a policy selects, as far as they are in Git.
package lib.workloads

# largest is the selected workload with the most replicas, those that autoscalers may ask for included: {"replicas",
# "name", "origin", "field"}, the last two leading to the number. Of a workload that cannot be seen two replicas are
# assumed, the fewest that can be split, and no more is said of it than {"replicas"}.
largest := workload if {
	most := max({size.replicas | some size in _sizes})
	workload := min({size | some size in _sizes; size.replicas == most})
} else := {"replicas": 2}

_sizes contains {"replicas": max([workload.most, 1]), "name": workload.name, "origin": workload.origin, "field": workload.field} if {
	some workload in input.policy.workloads
	workload.kind != ""
	_counted(workload)
}

_sizes contains {"replicas": 2} if {
	some workload in input.policy.workloads
	workload.kind != ""
	not _counted(workload)
}

_counted(workload) if workload.uncounted == ""

_counted(workload) if workload.scaler != ""

# divisible: the kind has replicas that a placement divides.
divisible(kind) if kind in _divisible

# Kinds that have replicas.
_divisible := {
	"Deployment.apps", "StatefulSet.apps", "ReplicaSet.apps", "Job.batch", "Pod",
	"CloneSet.apps.kruise.io", "StatefulSet.apps.kruise.io", "UnitedDeployment.apps.kruise.io", "BroadcastJob.apps.kruise.io",
	"Workflow.argoproj.io", "FlinkDeployment.flink.apache.org",
}
