# METADATA
# title: Flux decrypts an encrypted file that a generator reads
# description: |
#   Flux decrypts the files and envs of a secretGenerator, and none of a configMapGenerator: such a ConfigMap holds the
#   ciphertext and the metadata of SOPS. Flux takes the format from the extension of the key in "files", or of the file
#   in "envs". Where SOPS encrypted the file in another format, Flux fails the build or leaves the ciphertext. For a
#   ConfigMap that something in the cluster decrypts, set the annotation kustomize.toolkit.fluxcd.io/decrypt: disabled.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#kustomize-secretgenerator
#     description: Kustomization, decryption of a secretGenerator's files
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Use a secretGenerator, and give the key or the file the extension of the format in which SOPS encrypted it.
#   source:
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:732
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:1106
#     - getsops/sops v3.13.2 stores/json/store.go:76
package rules["generated-secret-decrypted"]

violation contains {
	"origin": fault.origin,
	"field": fault.at,
	"message": sprintf("%q is encrypted by SOPS, and %s", [_name(fault.encrypted), fault.why]),
} if {
	not input.kustomization.suspended
	some fault in input.kustomization.decryptionFaults
	_judged(fault)
}

# Who has no decryption at all is told so elsewhere.
_judged(fault) if fault.kind == "config-map"

_judged(fault) if {
	fault.kind == "format"
	input.kustomization.decryption == "sops"
}

_name(origin) := parts[count(parts) - 1] if parts := split(origin.file, "/")
