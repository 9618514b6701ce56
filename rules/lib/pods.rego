# What the pods of a workload name.
package lib.pods

# uses are the ConfigMaps, Secrets, PersistentVolumeClaims and ServiceAccounts that a workload's pods cannot start
# without, each {"kind", "name", "field"}; field leads to the name. What is optional is none of them.
#
# Source: karmada-io/karmada v1.18.2 pkg/util/helper/pod.go (GetDependenciesFromPodTemplate).
uses(object) := {{"kind": kind, "name": ref[key], "field": array.concat(root, array.concat(path, [key]))} |
	some root, spec in _specs(object)
	some [path, kind, key, ref] in _references(spec)
	not ref.optional == true
	is_string(ref[key])
	not ref[key] in {"", _default[kind]}
}

_specs(object) := {["spec"]: object.spec} if {
	object.kind == "Pod"
} else := {["spec", "jobTemplate", "spec", "template", "spec"]: object.spec.jobTemplate.spec.template.spec} if {
	object.kind == "CronJob"
} else := {["spec", "template", "spec"]: object.spec.template.spec}

# Every namespace has it.
_default := {"ConfigMap": "", "PersistentVolumeClaim": "", "Secret": "", "ServiceAccount": "default"}

# The references of a pod, each [path, kind, key, ref]: the name of an object of the kind is the reference's key.
_references(spec) := union({
	{[["imagePullSecrets", i], "Secret", "name", ref] | some i, ref in spec.imagePullSecrets},
	{[[], "ServiceAccount", "serviceAccountName", spec]},
	{found | some path, container in _containers(spec); some found in _of_container(path, container)},
	{found | some i, volume in spec.volumes; some found in _of_volume(["volumes", i], volume)},
})

_containers(spec) := {[list, i]: container |
	some list in ["containers", "initContainers", "ephemeralContainers"]
	some i, container in spec[list]
}

_of_container(at, container) := {[array.concat(at, ["env", i, "valueFrom", key]), kind, "name", ref] |
	some i, variable in container.env
	some key, kind in {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
	ref := variable.valueFrom[key]
} | {[array.concat(at, ["envFrom", i, key]), kind, "name", ref] |
	some i, source in container.envFrom
	some key, kind in {"configMapRef": "ConfigMap", "secretRef": "Secret"}
	ref := source[key]
}

_of_volume(at, volume) := union({
	{[array.concat(at, ["secret"]), "Secret", "secretName", ref] | ref := volume.secret},
	{[array.concat(at, ["configMap"]), "ConfigMap", "name", ref] | ref := volume.configMap},
	{[array.concat(at, ["persistentVolumeClaim"]), "PersistentVolumeClaim", "claimName", ref] | ref := volume.persistentVolumeClaim},
	{[array.concat(at, [type, "secretRef"]), "Secret", "name", source.secretRef] | some type, source in volume},
	{[array.concat(at, ["projected", "sources", i, key]), kind, "name", source[key]] |
		some i, source in volume.projected.sources
		some key, kind in {"configMap": "ConfigMap", "secret": "Secret"}
	},
})
