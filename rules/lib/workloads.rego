# The workloads that a policy selects, as far as they are in Git.
package lib.workloads

# largest is the selected workload with the most replicas: {"replicas", "name", "origin", "field"}, the last two leading
# to the number. Of a workload that cannot be seen two replicas are assumed, the fewest that can be split, and no more
# is said of it than {"replicas"}.
largest := workload if {
	most := max({size.replicas | some size in _sizes})
	workload := min({size | some size in _sizes; size.replicas == most})
} else := {"replicas": 2}

_sizes contains {"replicas": max([floor(n), 1]), "name": selected.name, "origin": selected.origin, "field": ["spec", field]} if {
	some selection in input.policy.selections
	some selected in selection.objects
	field := object.get(_fields, selection.kind, "replicas")
	n := _asked(selected, field)
	is_number(n)
}

_sizes contains {"replicas": 2} if {
	some selection in input.policy.selections
	_defaults[selection.kind]
	count(selection.objects) == 0
}

_asked(selected, field) := n if {
	n := data.fleet.objects[input.apiServer][selected.kind][selected.namespace][selected.name].object.spec[field]
} else := _defaults[selected.kind]

# divisible: the kind has replicas that a placement divides.
divisible(kind) if _defaults[kind]

# Kinds that have replicas, and how many where they do not say.
_defaults := {"Deployment.apps": 1, "StatefulSet.apps": 1, "ReplicaSet.apps": 1, "Job.batch": 1}

_fields := {"Job.batch": "parallelism"}
