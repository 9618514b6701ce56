# Certificates that are in Git in plain text.
package lib.certificates

# ends says when a certificate ends: "expires on 2026-01-20"; undefined where that is 30 days or more
# ahead, or today is not known.
ends(certificate) := sprintf("%s %s", [_when(days), certificate.notAfter]) if {
	data.fleet.date != ""
	days := (_day(certificate.notAfter) - _day(data.fleet.date)) / 86400000000000
	days < 30
}

_day(date) := time.parse_ns("2006-01-02", date)

_when(days) := "expired on" if {
	days < 0
} else := "expires on"
