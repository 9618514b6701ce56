# METADATA
# title: A Secret reaches its API server decrypted
# description: |
#   A Secret whose values are SOPS ciphertext was applied by somebody who did not decrypt it: by hand, by a Kustomization
#   without spec.decryption, or through a path that Flux never decrypts, such as a chart's values or a configMapGenerator.
#   Whatever reads it gets the ciphertext. Where something in the cluster decrypts it, the object says so by
#   kustomize.toolkit.fluxcd.io/decrypt. In Git the ciphertext is right, so this is a rule for the webhook alone.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption
#     description: Kustomization, decryption
# custom:
#   severity: error
#   admission: only
#   subjects:
#     - Secret
#   fix: Apply it by a Flux Kustomization with spec.decryption, or decrypt it before you apply it.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go:113
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:947
package rules["secret-arrives-decrypted"]

violation contains {
	"field": [part, name],
	"message": sprintf("%q is still encrypted by SOPS; it would be decrypted before it is applied", [name]),
} if {
	some part in ["data", "stringData"]
	some name, value in input.object[part]
	value["$class"] == "enc"
	not _left_encrypted
}

_left_encrypted if {
	some part in ["labels", "annotations"]
	lower(input.object.metadata[part]["kustomize.toolkit.fluxcd.io/decrypt"]) == "disabled"
}
