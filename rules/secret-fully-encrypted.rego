# METADATA
# title: An encrypted file is encrypted as a whole and as SOPS does it
# description: |
#   A value that was added by hand to a file that SOPS has encrypted stays in the clear, and Flux stops at it: SOPS refuses
#   to decrypt a document in which a value of the encrypted region is none of its ciphertexts. The same holds for a
#   ciphertext that was cut or moved. A ciphertext outside the region is applied as it is. All of this shows without a key.
#   Edit the file with "sops edit" only.
# related_resources:
#   - ref: https://fluxcd.io/flux/guides/mozilla-sops/
#     description: Manage Kubernetes secrets with Flux and SOPS
#   - ref: https://getsops.io/docs/
#     description: SOPS
# custom:
#   severity: error
#   subjects:
#     - File
#   admission: never
#   fix: Put the plain text back and encrypt the file again with sops; replace a secret that was committed in the clear.
#   source:
#     - getsops/sops v3.13.2 sops.go:603
#     - getsops/sops v3.13.2 aes/cipher.go:55
#     - fluxcd/kustomize-controller v1.9.4 internal/decryptor/decryptor.go:1051
package rules["secret-fully-encrypted"]

import data.lib.files

violation contains {
	"origin": _origin(document),
	"field": fault.field,
	"message": _fault(fault),
	"severity": object.get({"outside": "warning"}, fault.kind, "error"),
} if {
	some document in _encrypted
	some fault in document.encryption.faults
}

_encrypted := [document |
	not files.example
	not regex.match(`(^|/)testdata/`, input.file.path)
	some document in input.file.documents
	is_object(document.encryption)
]

_origin(document) := {"file": input.file.path, "document": document.index}

_fault(fault) := sprintf("%s is inside the encrypted region and is not encrypted; sops would encrypt it", [_name(fault)]) if {
	fault.kind == "plain"
} else := sprintf("%s is damaged: %s", [_name(fault), fault.why]) if {
	fault.kind == "malformed"
} else := sprintf("%s is encrypted in vain: %s", [_name(fault), fault.why]) if {
	fault.kind == "outside"
} else := sprintf("%s; sops would write the metadata itself", [fault.why])

_name(fault) := sprintf("%q", [names[count(names) - 1]]) if {
	names := [step | some step in fault.field; is_string(step)]
	count(names) > 0
} else := "the file"
