package secret

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxName bounds what a message quotes of a file, in bytes: no name of an object is longer.
	maxName = 253
	// maxMessage bounds a message, in bytes: an API server takes no longer one in an Event.
	maxMessage = 1024
	// withheld stands where a message does not show what is in a file.
	withheld = "…"
)

// Name is what a message may quote of a text from a repository. A short name, path or address is shown, an address
// without its user, query and fragment; whatever is more than that, or looks like a value, is "…".
func Name(text string) string {
	if strings.Contains(text, "${") {
		text = withDefault.ReplaceAllString(text, "${1}"+withheld+"}")
	}
	if !strings.Contains(text, "://") {
		if isShown(text) {
			return Printable(text)
		}
		return withheld
	}
	if bare := Address(text); bare == text && isShown(text) || isShown(bare) && !strings.ContainsAny(bare, "@ \t") {
		return Printable(bare)
	}
	return withheld
}

// Address is an address without its user, query and fragment, which may all hold a credential.
func Address(text string) string {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	} else {
		scheme += "://"
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	// A password may have a slash in it, so what ends in the last "@" is all taken for the user's part.
	return scheme + rest[strings.LastIndexByte(rest, '@')+1:]
}

// withDefault is a variable with a default, which is a value: ${NAME:=value}. Its name and
// operator are the first group.
var withDefault = regexp.MustCompile(`(\$\{[A-Za-z_]\w*:?[=-])[^}]+\}`)

// isShown is true for what may be a name, a path or a short word of a file, and holds no value.
func isShown(text string) bool {
	text = strings.ReplaceAll(text, "="+withheld+"}", "}")
	if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r`\"=") {
		return false
	}
	switch {
	case strings.Contains(text, ": "), strings.HasPrefix(text, "["),
		strings.HasPrefix(text, "{") && !strings.HasPrefix(text, "{{"):
		return false // inline YAML
	case shape(text) != "", looksRandom(text), inlineCredential(text), strings.Contains(text, ageKey),
		strings.Contains(text, pemKey):
		return false
	}
	return true
}

// Printable is a text on one line without what controls a terminal, the order in which it is read, or a
// CI system that reads along.
//
// Source: actions/runner src/Runner.Common/ActionCommand.cs: TryParseV2 takes "::name" at the beginning of a line,
// TryParse "##[" anywhere; microsoft/azure-pipelines-agent takes "##vso[".
func Printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, text)
	if strings.HasPrefix(strings.TrimSpace(text), "::") {
		text = strings.Replace(text, "::", ":\ufffd", 1)
	}
	if strings.Contains(text, "::") {
		text = command.ReplaceAllString(text, ":\ufffd$1")
	}
	return strings.NewReplacer("##[", "##\ufffd", "##vso[", "##vso\ufffd").Replace(text)
}

// command is one of the commands that GitHub's runner knows.
var command = regexp.MustCompile(
	`::(error|warning|notice|debug|group|endgroup|add-mask|add-matcher|remove-matcher|add-path|set-env|set-output|save-state|stop-commands|echo)`)

var (
	// quoted is a text in quotes, as %q writes it.
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	bareWord = regexp.MustCompile(`[^\s"]+`)
)

// Message is a message that may be shown: on one line, bounded, and of what it says of a repository nothing but what
// Name shows. Everything that is said of a repository passes through here.
func Message(text string) string {
	var b strings.Builder
	last := 0
	for _, at := range quoted.FindAllStringIndex(text, -1) {
		b.WriteString(bareWords(text[last:at[0]]))
		inner, err := strconv.Unquote(text[at[0]:at[1]])
		if err != nil {
			inner = text[at[0]+1 : at[1]-1]
		}
		if name := Name(inner); name != inner {
			b.WriteString(strconv.Quote(name))
		} else {
			b.WriteString(text[at[0]:at[1]])
		}
		last = at[1]
	}
	b.WriteString(bareWords(text[last:]))
	out := Printable(b.String())
	if len(out) > maxMessage {
		cut := maxMessage - len(withheld)
		for cut > 0 && !utf8.RuneStart(out[cut]) {
			cut--
		}
		out = out[:cut] + withheld
	}
	return out
}

// bareWords are the words of a message outside of quotes. Of those no one is a value but by its own form.
func bareWords(text string) string {
	return bareWord.ReplaceAllStringFunc(text, func(word string) string {
		switch {
		case strings.Contains(word, "://"):
			return Address(word)
		case len(word) > maxName || shape(word) != "" || looksRandom(word) || inlineCredential(word):
			return withheld
		}
		return word
	})
}
