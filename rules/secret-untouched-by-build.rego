# METADATA
# title: A build does not change the encrypted part of an object
# description: |
#   Flux decrypts an object after kustomize has built it, and SOPS refuses one in which a value of the encrypted
#   region is not the ciphertext that belongs there: the whole Kustomization fails. In a file that is encrypted as
#   a whole the region includes metadata, so targetNamespace, a namespace, a prefix, a label, an annotation and
#   kustomize's buildMetadata are such changes. A patch of an encrypted value is one in any file. A change outside
#   the region is fine, since Flux does not verify the MAC, and so are spec.commonMetadata and variables, which
#   come after the decryption.
# related_resources:
#   - ref: https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption
#     description: Kustomization, decryption
#   - ref: https://github.com/fluxcd/kustomize-controller/issues/1371
#     description: SOPS and patches
# custom:
#   severity: error
#   waits: revision
#   subjects:
#     - Kustomization.kustomize.toolkit.fluxcd.io
#   fix: Encrypt only data and stringData, with encrypted_regex in the creation rule, or remove the change from the build.
#   source:
#     - getsops/sops v3.13.2 sops.go:603
#     - fluxcd/kustomize-controller v1.9.6 internal/decryptor/decryptor.go:626
#     - fluxcd/kustomize-controller v1.9.6 internal/controller/kustomization_controller.go:790
package rules["secret-untouched-by-build"]

violation contains {
	"origin": place.origin,
	"field": place.field,
	"message": sprintf("%s changes %s inside the encrypted region of an object, so SOPS refuses to decrypt it", changed),
	"related": [{"message": "encrypted", "origin": fault.encrypted} | some fault in array.slice(faults, 0, 3)],
} if {
	not input.kustomization.suspended
	input.kustomization.decryption == "sops"
	some place in {_place(fault) | some fault in _changes}
	faults := [fault | some fault in _changes; _place(fault) == place]
	changed := [_entry(faults[0]), _changed(faults)]
}

_changes := [fault | some fault in input.kustomization.decryptionFaults; fault.kind == "changed"]

# What has no file stands in the Flux Kustomization.
_place(fault) := {"origin": fault.origin, "field": fault.at} if {
	fault.origin.file != ""
} else := {"origin": input.kustomization.origin, "field": fault.at}

_entry(fault) := "the build" if {
	fault.origin == fault.encrypted
} else := sprintf("%q", [names[0]]) if {
	names := [step | some step in fault.at; is_string(step); step != "spec"]
}

_changed(faults) := sprintf("%q", [names[0]]) if {
	names := [concat(".", steps) |
		some fault in faults
		steps := [sprintf("%v", [step]) | some step in fault.field]
		count(steps) > 0
	]
	count(names) > 0
} else := "values"
