# METADATA
# title: The decryption Secret names its keys as Flux expects
# description: |
#   Of the Secret in spec.decryption Flux takes age keys from entries whose names end in .agekey, PGP keys from those in
#   .asc, and the credentials of services from sops.vault-token, sops.aws-kms, sops.azure-kv and sops.gcp-kms. It
#   ignores any other entry without an error, and then has no key. The rule checks what Git shows: a Secret, what a
#   secretGenerator creates, an ExternalSecret or a SealedSecret, unless further entries may come from elsewhere. It is
#   a warning where nothing is encrypted yet.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#age-secret-entry
#     description: Kustomization, the entries of the decryption Secret
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Rename the entry so that it ends in .agekey, or in .asc for a PGP key.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:80
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:269
package rules["decryption-key-named"]

violation contains {
	"origin": fault.origin,
	"field": fault.field,
	"message": sprintf("no entry name in Secret %q ends in %s, so Flux takes no key from it", [fault.secret, wanted]),
	"severity": object.get({true: "warning"}, fault.unused, "error"),
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "decryption"]}],
} if {
	not input.kustomization.suspended
	some fault in input.kustomization.keyFaults
	wanted := concat(" or ", fault.extensions)
}
