# What the pods of a workload name.
package lib.pods

# uses are the ConfigMaps, Secrets, PersistentVolumeClaims and ServiceAccounts that a workload's pods cannot start without, each
# {"kind", "name", "field"}; field leads to the name. What is optional is none of them.
#
# Source: karmada-io/karmada v1.18.2 pkg/util/helper/pod.go (GetDependenciesFromPodTemplate).
uses(object) := {use |
	some root, spec in _specs(object)
	walk(spec, [path, at])
	count(path) > 0
	use := _use(root, path, at)
}

_specs(object) := {["spec"]: object.spec} if {
	object.kind == "Pod"
} else := {["spec", "jobTemplate", "spec", "template", "spec"]: object.spec.jobTemplate.spec.template.spec} if {
	object.kind == "CronJob"
} else := {["spec", "template", "spec"]: object.spec.template.spec}

_use(root, path, at) := {"kind": kind, "name": at[key], "field": array.concat(root, array.concat(path, [key]))} if {
	is_object(at)
	not at.optional == true
	[kind, keys] := _referrers[path[count(path) - 1]]
	key := [key | some key in keys; is_string(at[key]); at[key] != ""][0]
}

_use(root, path, at) := {"kind": "Secret", "name": at.name, "field": array.concat(root, array.concat(path, ["name"]))} if {
	path[count(path) - 2] == "imagePullSecrets"
	is_string(at.name)
}

_use(root, path, at) := {"kind": "ServiceAccount", "name": at, "field": array.concat(root, path)} if {
	path == ["serviceAccountName"]
	is_string(at)
	at != "default"
}

_referrers := {
	"configMapKeyRef": ["ConfigMap", ["name"]],
	"configMapRef": ["ConfigMap", ["name"]],
	"configMap": ["ConfigMap", ["name"]],
	"secretKeyRef": ["Secret", ["name"]],
	"secretRef": ["Secret", ["name"]],
	"secret": ["Secret", ["secretName", "name"]],
	"persistentVolumeClaim": ["PersistentVolumeClaim", ["claimName"]],
}
