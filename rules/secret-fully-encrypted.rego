# METADATA
# title: An encrypted file is as SOPS wrote it
# description: |
#   A value that was added by hand to a file that SOPS has encrypted is plain text, and Flux stops at it: SOPS refuses
#   to decrypt a document in which a value of the encrypted region is not one of its ciphertexts. The same holds for a
#   ciphertext that was cut or moved. Flux applies a ciphertext outside the region as it is, and so one in a document
#   that has lost its metadata. A region that covers no value of a file encrypts nothing. The rule finds this without a
#   key, in YAML, JSON, INI, dotenv and binary files. Edit such a file only with "sops edit".
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
#   fix: Restore the plain text, encrypt the file again with sops, and replace a secret that was committed unencrypted.
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
	"severity": _severity(fault),
} if {
	some document in _encrypted
	some fault in document.encryption.faults
}

# Flux decrypts what has metadata alone.
violation contains {
	"origin": _origin(document),
	"field": value.field,
	"message": sprintf("%s is a ciphertext in a document without SOPS metadata, so nothing decrypts it", [_name(value)]),
	"severity": _severity({"kind": "orphan"}),
	"fix": "Restore the document from the Git history, or encrypt the plain text again with sops.",
} if {
	some document in _judged
	not is_object(document.encryption)
	some value in document.values
	value.class == "enc"
	value.in in {"Secret", "generator", "object"}
}

_severity(fault) := "warning" if {
	fault.kind == "outside"
} else := "warning" if {
	fault.kind in {"orphan", "region"}
	count(input.file.reachedBy) == 0
} else := "error"

_judged := [document |
	not files.example
	not regex.match(`(^|/)testdata/`, input.file.path)
	some document in input.file.documents
]

_encrypted := [document |
	some document in _judged
	is_object(document.encryption)
]

_origin(document) := {"file": input.file.path, "document": document.index}

_fault(fault) := sprintf("%s is inside the encrypted region and is not encrypted", [_name(fault)]) if {
	fault.kind == "plain"
} else := sprintf("%s is damaged: %s", [_name(fault), fault.why]) if {
	fault.kind == "malformed"
} else := sprintf("%s is a ciphertext that is not decrypted: %s", [_name(fault), fault.why]) if {
	fault.kind == "outside"
} else := fault.why

_name(fault) := sprintf("%q", [names[count(names) - 1]]) if {
	names := [step | some step in fault.field; is_string(step)]
	count(names) > 0
} else := "the file"
