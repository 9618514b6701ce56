# METADATA
# title: What an object of Flux refers to exists
# description: |
#   An Alert without its Provider tells nobody, an ImagePolicy without its ImageRepository finds no tag, and an Alert or
#   a Receiver that names an object which is not there is about nothing. As a service account that does not exist Flux
#   may apply nothing. Namespaces are those of the object itself unless others are given; a Provider must be in that of
#   the Alert. It is said less loudly where something that this repository does not show may bring the object.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/notification/alerts/
#     description: Alert
#   - ref: https://fluxcd.io/flux/components/image/imagepolicies/#image-repository-reference
#     description: ImagePolicy
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#role-based-access-control
#     description: Kustomization, service accounts
# custom:
#   severity: error
#   waits: order
#   subjects:
#     - Alert.notification.toolkit.fluxcd.io
#     - HelmRelease.helm.toolkit.fluxcd.io
#     - ImagePolicy.image.toolkit.fluxcd.io
#     - Kustomization.kustomize.toolkit.fluxcd.io
#     - Receiver.notification.toolkit.fluxcd.io
#   fix: Correct the name and namespace, or let Flux apply the object.
#   source:
#     - fluxcd/notification-controller v1.9.3 internal/server/event_handlers.go:307
#     - fluxcd/notification-controller v1.9.3 internal/server/receiver_handlers.go:590
#     - fluxcd/image-reflector-controller v1.0 internal/controller/imagepolicy_controller.go
package rules["flux-reference-exists"]

import data.lib.references
import data.lib.variables

violation contains {
	"field": ref.field,
	"message": references.absent(split(ref.kind, ".")[0], concat("/", [ref.namespace, ref.name])),
	"fix": references.fix(ref.server, ref.kind, ref.namespace, ref.name),
	"severity": _severity(ref),
} if {
	references.read_by_flux
	some ref in _references
	not variables.stand_in([ref.namespace, ref.name])
	not references.exists(ref.server, ref.kind, ref.namespace, ref.name)
}

# certain: what is missing is an error where Git shows all that Flux brings. brought: a chart may bring it too.
_severity(ref) := "info" if {
	not references.complete
	not ref.brought
} else := "error" if {
	ref.certain
} else := "warning" if {
	references.complete
	not _may_be_brought(ref)
}

_may_be_brought(ref) if {
	ref.brought
	references.open(ref.namespace)
}

_own := {"server": input.apiServer, "namespace": references.namespace, "certain": true, "brought": false}

_references contains object.union(_own, {
	"field": ["spec", "providerRef", "name"],
	"kind": "Provider.notification.toolkit.fluxcd.io",
	"name": input.object.spec.providerRef.name,
}) if {
	input.object.kind == "Alert"
}

_references contains object.union(_own, {
	"field": ["spec", "imageRepositoryRef", "name"],
	"kind": "ImageRepository.image.toolkit.fluxcd.io",
	"namespace": object.get(ref, "namespace", references.namespace),
	"name": ref.name,
}) if {
	input.object.kind == "ImagePolicy"
	ref := input.object.spec.imageRepositoryRef
}

# What an ArtifactGenerator makes is never in Git.
_references contains object.union(_own, {
	"field": ["spec", list, i, "name"],
	"kind": concat(".", [ref.kind, group]),
	"namespace": object.get(ref, "namespace", references.namespace),
	"name": ref.name,
	"certain": false,
}) if {
	some list in ["eventSources", "resources"]
	some i, ref in input.object.spec[list]
	not ref.name in {"*", ""}
	group := _groups[ref.kind]
}

_groups := {
	"Bucket": "source.toolkit.fluxcd.io",
	"GitRepository": "source.toolkit.fluxcd.io",
	"HelmRelease": "helm.toolkit.fluxcd.io",
	"HelmRepository": "source.toolkit.fluxcd.io",
	"ImagePolicy": "image.toolkit.fluxcd.io",
	"ImageRepository": "image.toolkit.fluxcd.io",
	"ImageUpdateAutomation": "image.toolkit.fluxcd.io",
	"Kustomization": "kustomize.toolkit.fluxcd.io",
	"OCIRepository": "source.toolkit.fluxcd.io",
}

_references contains object.union(_own, {
	"field": ["spec", "serviceAccountName"],
	"kind": "ServiceAccount",
	"name": name,
	"certain": false,
	"brought": true,
}) if {
	input.object.kind in {"HelmRelease", "Kustomization"}
	not input.object.spec.kubeConfig
	name := input.object.spec.serviceAccountName
	not name in {"", "default"}
}
