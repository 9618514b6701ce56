package fleet

import (
	"regexp"
	"strconv"
	"strings"
)

// knownVersion is the part of a version, a version range or an image tag that is certain, without a leading v:
// "v1.18.2" is "1.18.2"; "1.15.x", "1.15" and "~1.15.2" are "1.15"; "^1.15.0", ">=1.15", "1.x" and "latest" are empty.
func knownVersion(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "@") // an image's digest
	text, tilde := strings.CutPrefix(strings.TrimPrefix(text, "="), "~")
	match := regexp.MustCompile(`^v?(\d{1,6}\.\d{1,6})(?:\.(\d{1,6}|[xX*]))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$`).
		FindStringSubmatch(strings.TrimSpace(text))
	switch {
	case match == nil:
		return ""
	case tilde || match[2] == "" || strings.ContainsAny(match[2], "xX*"):
		return match[1]
	}
	return match[1] + "." + match[2] + match[3]
}

// imageVersion is the version that an image's tag tells.
func imageVersion(image string) string { return knownVersion(imageTag(image)) }

func imageTag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return tag
}

// olderThan compares a version from knownVersion with a minor release; false where the version is not known.
func olderThan(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	m, _ := strconv.Atoi(parts[0])
	n, _ := strconv.Atoi(parts[1])
	return m < major || m == major && n < minor
}

// MinorOf is y of a version 1.y; 0 where it is unknown.
func MinorOf(version string) int {
	rest, ok := strings.CutPrefix(version, "1.")
	text, _, _ := strings.Cut(rest, ".")
	text, _, _ = strings.Cut(text, "-")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		return 0
	}
	return n
}
