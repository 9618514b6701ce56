# METADATA
# title: A workload's selector matches the labels of its own pods
# description: |
#   The API server refuses a Deployment, StatefulSet or DaemonSet whose selector does not match the labels of its
#   template, and with it nothing of the Kustomization is applied. It comes about where one of the two is patched, or
#   renamed, without the other.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector
#     description: Deployment, selector
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - DaemonSet.apps
#     - Deployment.apps
#     - ReplicaSet.apps
#     - StatefulSet.apps
#   fix: Give the template the labels that the selector asks for.
#   source:
#     - kubernetes/kubernetes v1.35.4 pkg/apis/apps/validation/validation.go:842
package rules["selector-matches-template"]

import data.lib.labels
import data.lib.references
import data.lib.variables

violation contains {
	"field": ["spec", "selector", "matchLabels"],
	"message": sprintf("the selector of %s %q does not match the labels of its template, and the API server refuses that", [input.object.kind, input.object.metadata.name]),
	"severity": _severity,
} if {
	selector := input.object.spec.selector
	template := input.object.spec.template
	not labels.match(object.get(template, ["metadata", "labels"], {}), selector)
	not variables.stand_in([selector, object.get(template, "metadata", {})])
	references.judged
}

default _severity := "error"

# Where a build was read without some of its patches, labels may be others.
_severity := "warning" if references.patches_unknown
