# METADATA
# title: An exception names a rule, gives a reason and excepts something
# description: |
#   "# rollcall:ignore rule-id -- reason" excepts a file and the annotation rollcall.dev/ignore "rule-id: reason" an object.
#   Without a reason nobody can tell later whether it still holds, with a misspelt rule it does nothing, and one that
#   excepts nothing hides the next fault of its kind.
# custom:
#   severity: error
#   subjects:
#     - Exception
#   admission: never
#   fix: Name the rule and the reason, or remove the exception.
package rules["exception-justified"]

violation contains object.union(_place, {"message": message}) if {
	not _exception.known
	message := sprintf("the exception is from %q, and no rule is called that; \"rollcall rules\" lists them", [_exception.rule])
}

violation contains object.union(_place, {"message": message}) if {
	trim_space(_exception.reason) == ""
	message := sprintf("the exception from %q has no reason; it would say why", [_exception.rule])
}

violation contains object.union(_place, {"message": message, "severity": "warning"}) if {
	_exception.known
	_exception.used == 0
	message := sprintf("the exception from %q excepts nothing; it would be removed", [_exception.rule])
}

_exception := input.exception

_place := {"field": ["metadata", "annotations", "rollcall.dev/ignore"]} if {
	_exception.document >= 0
} else := {}
