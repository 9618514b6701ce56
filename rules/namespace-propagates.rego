# METADATA
# title: A policy selects objects in namespaces that Karmada propagates
# description: |
#   Karmada does not propagate objects in karmada-system, karmada-cluster and karmada-es-*, nor in the namespaces of
#   --skipped-propagating-namespaces, by default kube-*. A policy for objects there is accepted and does nothing.
# related_resources:
#   - ref: https://karmada.io/docs/userguide/scheduling/propagation-policy
#     description: Propagation policy
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - PropagationPolicy.policy.karmada.io
#     - ClusterPropagationPolicy.policy.karmada.io
#   fix: Move the objects to another namespace, together with a policy that lives in it.
#   source:
#     - karmada-io/karmada v1.18.2 pkg/detector/detector.go:276
#     - karmada-io/karmada v1.18.2 pkg/util/names/names.go:189
#     - karmada-io/karmada v1.18.2 cmd/controller-manager/app/options/options.go:194
package rules["namespace-propagates"]

import data.lib.karmada
import data.lib.objects

violation contains {
	"field": ["metadata", "namespace"],
	"message": sprintf("Karmada propagates nothing from namespace %q", [namespace]),
} if {
	not objects.suspended
	namespace := input.object.metadata.namespace
	_skipped(namespace)
}

violation contains {
	"field": ["spec", "resourceSelectors", i, "namespace"],
	"message": sprintf("Karmada propagates nothing from namespace %q", [selector.namespace]),
} if {
	not objects.suspended
	not _own
	some i, selector in input.object.spec.resourceSelectors
	_skipped(selector.namespace)
}

_own if _skipped(input.object.metadata.namespace)

_skipped(namespace) if namespace in {"karmada-system", "karmada-cluster"}

_skipped(namespace) if startswith(namespace, "karmada-es-")

_skipped(namespace) if {
	some pattern in karmada.control_plane.skippedNamespaces
	regex.is_valid(pattern)
	regex.match(sprintf("^%s$", [pattern]), namespace)
}
