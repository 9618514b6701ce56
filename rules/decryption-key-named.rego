# METADATA
# title: The Secret that Flux decrypts with names its keys as Flux asks for
# description: |
#   Of the Secret in spec.decryption Flux takes age keys from entries whose names end in .agekey, PGP keys from those
#   in .asc, and the credentials of services from sops.vault-token, sops.aws-kms, sops.azure-kv and sops.gcp-kms. It
#   passes over any other entry without a word, and then has no key. Judged is what Git shows: a Secret, what a
#   secretGenerator makes, an ExternalSecret or a SealedSecret, and not where further entries may come from elsewhere.
#   It is a warning where nothing is encrypted yet.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#age-secret-entry
#     description: Kustomization, the entries of the decryption Secret
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Give the entry a name that ends in .agekey, or in .asc for a PGP key.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:80
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:269
package rules["decryption-key-named"]

violation contains {
	"origin": fault.origin,
	"field": fault.field,
	"message": sprintf("no entry of Secret %q has a name that ends in %s, so Flux takes no key from it", [fault.secret, wanted]),
	"severity": object.get({true: "warning"}, fault.unused, "error"),
	"related": [{"message": "the Kustomization", "origin": input.kustomization.origin, "field": ["spec", "decryption"]}],
} if {
	not input.kustomization.suspended
	some fault in input.kustomization.keyFaults
	wanted := concat(" or ", fault.extensions)
}
