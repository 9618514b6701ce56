# METADATA
# title: An exception names a rule and a reason, has not expired and is used
# description: |
#   The comment "# rollcall:ignore rule-id -- reason" is an exception for its file, the annotation
#   rollcall.dev/ignore "rule-id: reason" for its object, and an entry of exceptions in the configuration for what it
#   names. After the rule, "until 2026-12-31" gives the last day of the exception, and "by platform" its owner.
#   Without a reason nobody can tell later whether it is still needed, with a misspelt rule it does nothing, and an
#   unused one hides the next fault of its kind.
# custom:
#   severity: error
#   subjects:
#     - Exception
#   admission: never
#   fix: Name the rule and the reason, extend the exception, or remove it.
package rules["exception-justified"]

violation contains object.union(_place, {"message": message, "fix": "Name a rule that \"rollcall rules\" lists."}) if {
	not _exception.known
	message := sprintf("the exception is for the rule %q, which does not exist", [_exception.rule])
}

violation contains object.union(_place, {"message": message, "fix": "Say why the finding is accepted."}) if {
	trim_space(_exception.reason) == ""
	message := sprintf("the exception for %q gives no reason", [_exception.rule])
}

violation contains object.union(_place, {"message": message, "fix": "Write \"until YYYY-MM-DD\" or \"by OWNER\"."}) if {
	_exception.unread
	message := sprintf("the exception for %q has %q, which is neither an end nor an owner", [_exception.rule, _exception.unread])
}

violation contains object.union(_place, {"message": message, "fix": "Correct the fault, or extend the exception."}) if {
	_exception.expired
	message := sprintf("the exception for %q expired on %s", [_exception.rule, _exception.until])
}

violation contains object.union(_place, {"message": message, "severity": "warning", "fix": "Remove the exception."}) if {
	_exception.known
	not _exception.expired
	_exception.used == 0
	message := sprintf("the exception for %q matches no finding", [_exception.rule])
}

_exception := input.exception

_place := {"field": ["metadata", "annotations", "rollcall.dev/ignore"]} if {
	_exception.document >= 0
	not _exception.declared
} else := {}
