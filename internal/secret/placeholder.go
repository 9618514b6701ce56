package secret

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// placeholders are texts that say "put the value here", as words in lower case without anything between them.
var placeholders = map[string]bool{
	"changeme": true, "replaceme": true, "changethis": true, "replacethis": true, "fillme": true, "fillmein": true,
	"insertme": true, "todo": true, "tbd": true, "fixme": true, "xoauthbasic": true, "placeholder": true,
	"redacted": true, "dummy": true,
	"notset": true, "unset": true, "notneeded": true, "notused": true, "unused": true, "test": true, "none": true,
	"null": true, "nil": true, "{}": true, "[]": true, `""`: true, "''": true,
}

// maxPlaceholder bounds a placeholder, in bytes: what is longer is a value that happens to begin like one.
const maxPlaceholder = 120

// isPlaceholder is true for a text without surrounding space that stands where a value has yet to be written:
// REPLACE_ME, changeme, <your-token>, XXXX, ghp_xxxx, "...".
func isPlaceholder(text string) bool {
	if len(text) > maxPlaceholder || strings.Contains(text, "\n") {
		return false
	}
	if len(text) > 1 && text[0] == '<' && text[len(text)-1] == '>' {
		inner := strings.TrimSpace(text[1 : len(text)-1])
		return !strings.ContainsAny(inner, "<>") && (isPlaceholder(inner) || names(words(inner), true))
	}
	if text == "…" || isCrossedOut(text) || strings.Trim(text, ".*_-#?") == "" {
		return true
	}
	all := words(text)
	return strings.Trim(text, "-_. :") == "" || placeholders[strings.Join(all, "")] || len(all) > 1 &&
		isInstruction(all)
}

// words are those of a text in lower case.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return strings.ContainsRune("-_. :,/'\"()",
			r)
	})
}

// isCrossedOut is true for crosses alone, and behind what the tokens of an issuer begin with.
func isCrossedOut(text string) bool {
	crosses := strings.TrimRight(text, "xX*-_")
	crossed := len(text) - len(crosses)
	switch {
	case len(text) < 3 || crossed < 3 || strings.Trim(text[len(crosses):], "-_") == "":
		return false
	case crosses == "":
		return true
	}
	return crossed >= 4 && isTokenPrefix(crosses) || crossed >= 8 && crossed >= 2*len(crosses)
}

// isInstruction is true for "replace with the token", "your password", "put your token here" and the like: the verb
// or the pronoun, words that say nothing by themselves, and what the value is to be.
func isInstruction(words []string) bool {
	switch words[0] {
	case "your", "replaceme", "changeme":
		return names(words[1:], true)
	case "replace", "change", "insert", "put", "enter", "add", "fill", "paste", "set":
		switch words[1] {
		case "me", "this", "with", "your", "in", "by", "before", "the", "here":
			return names(words[1:], false)
		}
		return words[len(words)-1] == "here" && names(words[1:], false)
	}
	return false
}

// names is true for words of letters that name a field, as "your encryption passphrase" and "base64 of the key" do;
// needed says that one of them has to be a field's.
func names(words []string, needed bool) bool {
	other := false
	for _, word := range words {
		if slices.Contains(fieldWords, word) || slices.ContainsFunc(fieldWords[:fieldSuffixes],
			func(field string) bool { return strings.HasSuffix(word, field) }) {
			needed = false
		} else if isNumber := len(word) <= 3 && strings.Trim(word, "0123456789") == ""; !isNumber &&
			strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		} else if !isNumber && !slices.Contains(fillWords, word) {
			other = true
		}
	}
	return len(words) > 0 && !needed && (!other || slices.ContainsFunc(words,
		func(word string) bool { return slices.Contains(fieldWords, word) }))
}

// fieldWords are what fields are called. The first of them end longer words too.
var fieldWords = []string{"password", "passphrase", "token", "secret", "apikey", "username",
	"passwd", "pass", "pwd", "key", "keys", "id", "user", "name", "email", "mail", "account", "login", "credential",
	"credentials", "value",
	"values", "string", "hostname", "host", "address", "server", "url", "uri", "domain", "endpoint", "port",
	"bucket", "region", "database",
	"certificate", "cert", "pem", "hash", "salt", "pin", "code", "webhook", "tenant", "project", "organization",
	"org", "zone", "ip", "auth",
	"cookie", "session", "authkey", "openssl", "base64", "b64", "hex", "license", "kubeconfig", "config", "content",
	"contents", "output", "s3", "oauth2", "yourself"}

const fieldSuffixes = 6

// fillWords say nothing by themselves.
var fillWords = []string{"me", "this", "with", "your", "my", "our", "in", "by", "before", "after", "the", "a", "an",
	"here", "please", "it", "use", "using",
	"real", "own", "to", "and", "or", "of", "for", "from", "later", "now", "first", "some", "any", "one", "new",
	"encoded", "generated", "actual",
	"deploy", "deploying", "deployment", "production", "prod", "commit", "committing", "that", "is", "be", "must",
	"something", "random"}

// isSetting is true for a text that can be no credential whatever its key: a truth value, a number of one or two
// digits, a duration, an IP address or a network. Operators take their settings from a Secret too.
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

// dockerConfig is the class of the credentials for registries in a text, if it is of that form: Plain where an
// entry lets its holder in, Empty where none does.
//
// Source: docker/cli cli/config/types/authconfig.go.
func dockerConfig(key, text string) (class fleet.Class, ok bool) {
	if !strings.Contains(text, `"auth`) && !strings.HasSuffix(key, ".dockercfg") && !strings.HasSuffix(key,
		".dockerconfigjson") {
		return "", false
	}
	var config map[string]json.RawMessage
	if len(text) > maxInline || json.Unmarshal([]byte(text), &config) != nil {
		return "", false
	}
	if auths, found := config["auths"]; found {
		clear(config)
		if json.Unmarshal(auths, &config) != nil {
			return "", false
		}
	} else if !strings.HasSuffix(key, ".dockercfg") {
		return fleet.Empty, strings.HasSuffix(key, ".dockerconfigjson")
	}
	class = fleet.Empty
	for _, registry := range config {
		var entry map[string]any
		if json.Unmarshal(registry, &entry) != nil {
			return "", false
		}
		for name, value := range entry {
			text, _ := value.(string)
			if !slices.Contains([]string{"auth", "password", "identitytoken", "registrytoken"}, strings.ToLower(name)) {
				continue
			}
			switch classify(name, text) {
			case fleet.Empty, fleet.Encrypted, fleet.Ref:
			case fleet.Variable:
				class = fleet.Variable
			default:
				return fleet.Plain, true
			}
		}
	}
	return class, true
}
