# Looking up what Flux applies.
package lib.objects

# suspended: Flux applies no change to the subject, so it is judged when that ends.
suspended if data.fleet.objects[input.apiServer][input.subject][_namespace][input.object.metadata.name].suspended

default _namespace := ""

_namespace := input.object.metadata.namespace

# group_kind is the key of a kind among the fleet's objects: "Deployment.apps"; "Secret" for the core group.
group_kind(api_version, kind) := sprintf("%s.%s", [kind, split(api_version, "/")[0]]) if {
	contains(api_version, "/")
} else := kind

# selector_field leads to what tells most about the i-th resourceSelector: its name, its labels or its kind.
selector_field(i) := ["spec", "resourceSelectors", i, key] if {
	selector := input.object.spec.resourceSelectors[i]
	key := [key | some key in ["name", "labelSelector", "kind"]; not object.get(selector, key, "") in {"", null}][0]
}
