# METADATA
# title: A Flux Kustomization that applies encrypted objects decrypts them
# description: |
#   kustomize-controller decrypts only for a Kustomization with spec.decryption. Without it Flux stops at a Secret
#   with encrypted data and applies one with encrypted stringData as ciphertext; an encrypted object of another kind
#   reaches the cluster as ciphertext or is refused for its "sops" field. What a secretGenerator or a patch reads
#   counts in every format of SOPS: YAML, JSON, dotenv, INI and binary. A parent does not pass its own decryption to its
#   children; a patch in the parent may add it to them.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption
#     description: Kustomization, decryption
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Add spec.decryption with provider sops and the Secret that holds the key.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:947
package rules["secret-decrypted-by-flux"]

violation contains {
	"field": ["spec"],
	"message": sprintf("Kustomization %q applies SOPS-encrypted objects and has no spec.decryption", [input.kustomization.name]),
	"related": [{"message": "encrypted", "origin": origin} | some origin in array.slice(input.kustomization.encrypted, 0, 3)],
} if {
	not input.kustomization.suspended
	not input.kustomization.implicit
	input.kustomization.decryption == ""
	count(input.kustomization.encrypted) > 0
}
