# METADATA
# title: A Secret is decrypted before it is applied
# description: |
#   A Secret whose values are SOPS ciphertext was applied without being decrypted: by hand, by a Kustomization without
#   spec.decryption, or in a way that Flux never decrypts, such as a chart's values. Whatever reads it gets the
#   ciphertext. For a Secret that something in the cluster decrypts, set kustomize.toolkit.fluxcd.io/decrypt: disabled.
#   In Git the ciphertext is right, so only the webhook checks this rule.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption
#     description: Kustomization, decryption
# custom:
#   severity: error
#   admission: only
#   subjects:
#     - Secret
#   fix: Apply the Secret by a Flux Kustomization with spec.decryption, or decrypt it before you apply it.
#   source:
#     - fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go:113
#     - fluxcd/kustomize-controller v1.9.4 internal/controller/kustomization_controller.go:947
package rules["secret-arrives-decrypted"]

violation contains {
	"field": [part, name],
	"message": sprintf("%q is still encrypted by SOPS", [name]),
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
