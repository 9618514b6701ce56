# METADATA
# title: A secret is encrypted to the keys that its creation rule names
# description: |
#   SOPS reads .sops.yaml when it encrypts a new file, and not when it edits one. So a file that was copied from another
#   cluster's folder stays encrypted to that cluster's key, and Flux cannot decrypt it; a key that was added to the rule
#   cannot read what is older; and a key that was taken out of the rule still can. None of it shows before Flux tries.
#   "sops updatekeys" brings a file up to date, for one who can decrypt it; what a lost key could read has to be replaced as well.
#
#   SOPS takes the .sops.yaml next above the folder that it is called in. A file is right where any above it has a rule with
#   its recipients. Keys of cloud services are told apart by the service alone, and nothing is said where a rule names no key.
#   A file that Flux reads and that no rule is for is left behind when keys are changed.
# related_resources:
#   - ref: https://getsops.io/docs/#updatekeys-command
#     description: SOPS, updatekeys
#   - ref: https://github.com/getsops/sops/issues/1994
#     description: Wanted, a check that the keys of all files are up to date
# custom:
#   severity: warning
#   subjects:
#     - File
#   admission: never
#   fix: Run "sops updatekeys" on the file, or mend the creation rule.
#   source:
#     - getsops/sops v3.13.2 config/config.go:570
#     - getsops/sops v3.13.2 cmd/sops/common/common.go:417
package rules["secret-recipients-current"]

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("the file is not encrypted to %s, which its creation rule names; %s", [_named(drift.missing), _right]),
	"severity": _severity,
	"related": [{"message": "the creation rule", "origin": drift.rule}],
} if {
	some drift in input.file.keyDrift
	count(drift.missing) > 0
}

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("the file is encrypted to %s too, which its creation rule does not name; %s", [_named(drift.extra), _right]),
	"severity": "info",
	"related": [{"message": "the creation rule", "origin": drift.rule}],
} if {
	some drift in input.file.keyDrift
	count(drift.missing) == 0
	count(drift.extra) > 0
}

violation contains {
	"origin": {"file": input.file.path, "document": drift.document},
	"field": ["sops"],
	"message": sprintf("%q has no creation rule for the file, so \"sops updatekeys\" fails on it; one would name its keys", [drift.rule.file]),
	"severity": "info",
	"fix": "Add a creation rule for the file, or let one match it.",
} if {
	count(input.file.reachedBy) > 0
	some drift in input.file.keyDrift
	count(drift.missing) + count(drift.extra) == 0
}

_right := "\"sops updatekeys\" would bring it up to date"

# What Flux does not read it need not decrypt.
default _severity := "info"

_severity := "warning" if count(input.file.reachedBy) > 0

_named(recipients) := concat(", ", recipients) if {
	count(recipients) < 3
} else := sprintf("%s and %d more", [recipients[0], count(recipients) - 1])
