# METADATA
# title: An exception names a rule, gives a reason, has not ended and excepts something
# description: |
#   "# rollcall:ignore rule-id -- reason" excepts a file, the annotation rollcall.dev/ignore "rule-id: reason" an object, and an entry
#   of exceptions in the configuration what it names. "until 2026-12-31" after the rule is the last day on which it holds, and
#   "by platform" who answers for it. Without a reason nobody can tell later whether it still holds, with a misspelt rule it
#   does nothing, and one that excepts nothing hides the next fault of its kind.
# custom:
#   severity: error
#   subjects:
#     - Exception
#   admission: never
#   fix: Name the rule and the reason, renew the exception, or remove it.
package rules["exception-justified"]

violation contains object.union(_place, {"message": message}) if {
	not _exception.known
	message := sprintf("the exception is from %q, and no rule is called that; \"rollcall rules\" lists them", [_exception.rule])
}

violation contains object.union(_place, {"message": message}) if {
	trim_space(_exception.reason) == ""
	message := sprintf("the exception from %q has no reason; it would say why", [_exception.rule])
}

violation contains object.union(_place, {"message": message}) if {
	_exception.unread
	message := sprintf("the exception from %q has %q, which is neither \"until YEAR-MONTH-DAY\" nor \"by OWNER\"", [_exception.rule, _exception.unread])
}

violation contains object.union(_place, {"message": message}) if {
	_exception.expired
	message := sprintf("the exception from %q ended on %s", [_exception.rule, _exception.until])
}

violation contains object.union(_place, {"message": message, "severity": "warning"}) if {
	_exception.known
	not _exception.expired
	_exception.used == 0
	message := sprintf("the exception from %q excepts nothing; it would be removed", [_exception.rule])
}

_exception := input.exception

_place := {"field": ["metadata", "annotations", "rollcall.dev/ignore"]} if {
	_exception.document >= 0
	not _exception.declared
} else := {}
