# The workloads that a policy selects, as far as they are in Git.
package lib.workloads

import data.lib.objects

# largest is the selected workload with the most replicas: {"replicas", "name", "origin", "field"}, the last two leading
# to the number. Of a workload that cannot be seen two replicas are assumed, the fewest that can be split, and no more
# is said of it than {"replicas"}.
largest := workload if {
	most := max({size.replicas | some size in _sizes})
	workload := min({size | some size in _sizes; size.replicas == most})
} else := {"replicas": 2}

_sizes contains {"replicas": max([n, 1]), "name": item.name, "origin": item.origin, "field": field} if {
	some selector in _selectors
	kind := objects.group_kind(selector.apiVersion, selector.kind)
	some item in _selected(selector, kind)
	field := object.get(_fields, kind, ["spec", "replicas"])
	n := object.get(item.object, field, object.get(_defaults, kind, null))
	is_number(n)
}

_sizes contains {"replicas": 2} if {
	some selector in _selectors
	kind := objects.group_kind(selector.apiVersion, selector.kind)
	_defaults[kind]
	count(_selected(selector, kind)) == 0
}

_selectors := object.get(input.object, ["spec", "resourceSelectors"], [])

# Kinds that have replicas, and how many where they do not say.
_defaults := {"Deployment.apps": 1, "StatefulSet.apps": 1, "ReplicaSet.apps": 1, "Job.batch": 1}

_fields := {"Job.batch": ["spec", "parallelism"]}

# A selector without a name selects all that its labels match.
_selected(selector, kind) := {item |
	some namespace in _namespaces(selector, kind)
	item := data.fleet.objects[input.apiServer][kind][namespace][selector.name]
} if {
	object.get(selector, "name", "") != ""
} else := {item |
	some namespace in _namespaces(selector, kind)
	some item in data.fleet.objects[input.apiServer][kind][namespace]
	_matches(item.object, object.get(selector, "labelSelector", {}))
}

# A policy's own namespace is the default of a selector; a cluster-wide policy selects in all of them.
_namespaces(selector, _) := _spellings(selector.namespace) if {
	object.get(selector, "namespace", "") != ""
} else := _spellings(object.get(input.object, ["metadata", "namespace"], "default")) if {
	input.subject == "PropagationPolicy.policy.karmada.io"
}

_namespaces(selector, kind) := object.keys(object.get(data.fleet.objects, [input.apiServer, kind], {})) if {
	object.get(selector, "namespace", "") == ""
	input.subject == "ClusterPropagationPolicy.policy.karmada.io"
}

# An object without a namespace is created in default.
_spellings(namespace) := {"", "default"} if {
	namespace in {"", "default"}
} else := {namespace}

_matches(manifest, selector) if {
	count(object.get(selector, "matchExpressions", [])) == 0
	labels := object.get(manifest, ["metadata", "labels"], {})
	every key, value in object.get(selector, "matchLabels", {}) {
		labels[key] == value
	}
}
