# METADATA
# title: The Secrets and ConfigMaps that a pod needs exist
# description: |
#   A pod whose ConfigMap or Secret is not there, or has not the entry that it takes, does not start. Judged is the
#   namespace of the pod as far as Git shows what makes Secrets and ConfigMaps there: Flux, generators, and
#   controllers that make them of ExternalSecrets, SealedSecrets, Certificates and others of that sort. Where a
#   chart, a controller that is not known or a pod with rights of its own may make them nothing is said, nor of what
#   is optional. A Secret may have been made by hand, so it is said of one only where Git has it under nearly that
#   name or in another namespace.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps
#     description: ConfigMaps in pods
# custom:
#   severity: warning
#   subjects:
#     - CronJob.batch
#     - DaemonSet.apps
#     - Deployment.apps
#     - Job.batch
#     - Pod
#     - StatefulSet.apps
#   fix: Correct the name, or apply the Secret or ConfigMap in the namespace of the pod.
#   source:
#     - kubernetes/kubernetes v1.35.4 pkg/kubelet/kubelet_pods.go:892
#     - kubernetes/kubernetes v1.35.4 pkg/volume/configmap/configmap.go:292
package rules["pod-config-exists"]

import data.lib.pods
import data.lib.references

violation contains {
	"field": ref.field,
	"message": _message(state, ref),
	"fix": _fix(state, ref),
	"severity": _severity(state, ref),
} if {
	references.judged
	some ref in _config
	not _of_kubernetes(ref.name)
	state := references.state(ref.kind, references.namespace, ref.name)
	state in {"hashed", "near", "elsewhere", "missing"}
}

violation contains {
	"field": ref.field,
	"message": sprintf("%s %q has no entry %q, and without it the pod does not start", [ref.kind, references.shown(ref.kind, references.namespace, ref.name), key]),
	"severity": "warning",
	"related": [{"message": sprintf("the %s", [ref.kind]), "origin": made.origin}],
} if {
	references.judged
	not references.patches_unknown
	some ref in _config
	some key in ref.keys
	made := references.product(ref.kind, references.namespace, ref.name)
	made.allKeys
	not contains(concat("", [key | some key in made.keys]), "${")
	not contains(key, "${")
	not key in made.keys
}

# What the pod takes, each {"field", "kind", "name", "keys"}. A pod starts without a Secret for pulling images.
_config contains {"field": use.field, "kind": use.kind, "name": use.name, "keys": _keys(ref)} if {
	some use in pods.uses(input.object)
	use.kind in {"ConfigMap", "Secret"}
	not "imagePullSecrets" in use.field
	ref := object.get(input.object, array.slice(use.field, 0, count(use.field) - 1), {})
}

_keys(ref) := [ref.key] if {
	is_string(ref.key)
} else := [item.key | some item in object.get(ref, "items", [])]

_message("hashed", ref) := sprintf("the generator of the %s gives it a name with a hash, and that is not %q", [ref.kind, ref.name])

_message("missing", ref) := sprintf("nothing in Git makes the %s %q in namespace %q", [ref.kind, ref.name, references.namespace])

_message(state, ref) := sprintf("namespace %q has no %s %q", [references.namespace, ref.kind, ref.name]) if state in {"near", "elsewhere"}

_fix("near", ref) := sprintf("Correct the name to %q.", [references.near(ref.kind, references.namespace, ref.name)])

_fix("elsewhere", ref) := sprintf("Apply the %s in this namespace too; %q has it.", [ref.kind, references.elsewhere(ref.kind, ref.name)])

_fix("hashed", _) := "Add the generator to the kustomization that has the pod, or set its option disableNameSuffixHash."

_fix("missing", ref) := sprintf("Correct the name, or apply the %s in this namespace.", [ref.kind])

_severity("hashed", _) := "warning"

_severity("near", _) := "warning" if {
	_closed
}

_severity("elsewhere", _) := "warning" if {
	_closed
}

_severity("missing", ref) := "warning" if {
	ref.kind == "ConfigMap"
	_closed
}

# closed: Git shows all that makes Secrets and ConfigMaps in the namespace.
_closed if {
	references.complete
	not references.open_to_pods(references.namespace)
}

# What Kubernetes itself, or a distribution of it, puts into each namespace.
_of_kubernetes(name) if name in {"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert", "extension-apiserver-authentication"}
