package secret

import (
	"net/netip"
	"strings"
	"time"
)

// placeholders are texts that say "put the value here", as words in lower case without anything between them.
var placeholders = map[string]bool{
	"changeme": true, "replaceme": true, "changethis": true, "replacethis": true, "fillme": true, "fillmein": true,
	"insertme": true, "todo": true, "tbd": true, "fixme": true, "xoauthbasic": true, "placeholder": true, "redacted": true, "dummy": true,
	"notset": true, "unset": true, "notneeded": true, "notused": true, "unused": true, "test": true, "none": true, "null": true, "nil": true, "{}": true, "[]": true, `""`: true, "''": true,
}

// maxPlaceholder bounds a placeholder, in bytes: what is longer is a value that happens to begin like one.
const maxPlaceholder = 120

// isPlaceholder is true for a text without surrounding space that stands where a value has yet to be written:
// REPLACE_ME, changeme, <your-token>, XXXX, "...".
func isPlaceholder(text string) bool {
	if len(text) > maxPlaceholder || strings.Contains(text, "\n") {
		return false
	}
	if inner := text[min(1, len(text)):]; text != "" && text[0] == '<' && strings.HasSuffix(inner, ">") {
		return !strings.Contains(inner, "<")
	}
	if text == "…" || len(text) >= 3 && strings.Trim(text, "xX") == "" || strings.Trim(text, ".*_-#?") == "" {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune("-_. :", r) })
	if len(words) == 0 || placeholders[strings.Join(words, "")] {
		return true
	}
	return len(words) > 1 && isInstruction(words)
}

// isInstruction is true for "replace with …", "your …", "put … here" and the like.
func isInstruction(words []string) bool {
	switch words[0] {
	case "your", "replaceme", "changeme":
		return true
	case "replace", "change", "insert", "put", "enter", "add", "fill", "paste", "set":
		switch words[1] {
		case "me", "this", "with", "your", "in", "by", "before":
			return true
		}
		return words[len(words)-1] == "here"
	}
	return false
}

// isSetting is true for a text that can be no credential whatever its key: a truth value, a number of one or two digits,
// a duration, an IP address or a network. Operators take their settings from a Secret too.
func isSetting(text string) bool {
	switch strings.ToLower(text) {
	case "true", "false", "yes", "no", "on", "off":
		return true
	}
	if len(text) <= 2 {
		return strings.Trim(text, "0123456789") == ""
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	if _, err := netip.ParsePrefix(text); err == nil {
		return true
	}
	_, err := time.ParseDuration(text)
	return err == nil && len(text) <= 8
}

// isEmptyDockerConfig is true for registry credentials that hold none.
func isEmptyDockerConfig(key, text string) bool {
	return strings.HasSuffix(key, ".dockerconfigjson") && strings.Contains(text, `"auths"`) &&
		!strings.Contains(text, `"auth"`) && !strings.Contains(text, `"password"`)
}
