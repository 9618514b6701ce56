# METADATA
# title: The entry that an object of Flux takes of a Secret or ConfigMap exists
# description: |
#   A HelmRelease takes values from the entry values.yaml unless valuesKey says otherwise, a kubeconfig is taken from
#   the entry value or value.yaml unless key does, and a Receiver takes its token from the entry token. Where the Secret
#   or ConfigMap has no such entry Flux stops; a HelmRelease goes on without the values where they are optional. Judged
#   is what Git shows all entries of.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/helm/helmreleases/#values-references
#     description: HelmRelease, values references
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#kubeconfig-remote-clusters
#     description: Kustomization, the kubeconfig of another cluster
# custom:
#   severity: error
#   waits: order
#   subjects:
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - Receiver.notification.toolkit.fluxcd.io
#   fix: Name the entry that is there, or call the entry so.
#   source:
#     - fluxcd/pkg chartutil/v1.27.2 values.go:207
#     - fluxcd/pkg runtime/v0.110.3 client/impersonator.go:209
#     - fluxcd/notification-controller v1.9.3 internal/controller/receiver_controller.go:380
package rules["flux-config-key-exists"]

import data.lib.references
import data.lib.variables

violation contains {
	"field": _field(ref),
	"message": sprintf("%s %q has no entry %s", [ref.kind, references.shown(ref.kind, references.namespace, ref.name), concat(" or ", [sprintf("%q", [key]) | some key in ref.keys])]),
	"severity": _severity(ref),
	"related": [{"message": sprintf("the %s", [ref.kind]), "origin": made.origin}],
} if {
	references.read_by_flux
	some ref in references.config
	count(ref.keys) > 0
	not contains(concat("", ref.keys), "${")
	made := references.product(ref.kind, references.namespace, ref.name)
	made.allKeys
	not contains(concat("", made.keys), "${")
	every key in ref.keys {
		not key in made.keys
	}
	not _one_of_several(ref, made)
}

# Values that are optional may be left out where all that is there is taken.
_one_of_several(ref, _) if {
	ref.optional
	variables.stand_in(input.object.spec.valuesFrom)
}

_one_of_several(ref, made) if {
	ref.optional
	taken := {key |
		some other in references.config
		[other.kind, other.name] == [ref.kind, ref.name]
		some key in other.keys
	}
	every key in made.keys {
		key in taken
	}
}

# The field that names the entry, where there is one.
_field(ref) := array.concat(where, [key]) if {
	where := array.slice(ref.field, 0, count(ref.field) - 1)
	some key in ["key", "valuesKey"]
	object.get(input.object, array.concat(where, [key]), "") != ""
} else := ref.field

_severity(ref) := "info" if {
	ref.optional
} else := "warning" if {
	references.patches_unknown
} else := "error"
