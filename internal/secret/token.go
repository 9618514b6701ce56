package secret

import (
	"encoding/base64"
	"strings"
)

// tokenShape is how an issuer writes its credentials: a prefix, then at least min characters of an alphabet.
type tokenShape struct {
	prefix string
	extra  string // the characters after the prefix: letters, digits and these
	min    int
	exact  bool // exactly min characters
}

// minToken is the length of the shortest token, in bytes: an AWS access key.
const minToken = 20

// tokenShapes are the credentials that fleets hold most, each as its issuer documents it.
var tokenShapes = []tokenShape{
	// https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
	{prefix: "ghp_", min: 36}, {prefix: "gho_", min: 36}, {prefix: "ghu_", min: 36}, {prefix: "ghs_", min: 36},
	{prefix: "ghr_", min: 36}, {prefix: "github_pat_", extra: "_", min: 60},
	// https://docs.gitlab.com/security/tokens/#token-prefixes
	{prefix: "glpat-", extra: "_-.", min: 20}, {prefix: "gldt-", extra: "_-.", min: 20},
	{prefix: "glrt-", extra: "_-.", min: 20}, {prefix: "glagent-", extra: "_-.", min: 40},
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
	{prefix: "AKIA", min: 16, exact: true}, {prefix: "ASIA", min: 16, exact: true},
	// https://docs.slack.dev/authentication/tokens/
	{prefix: "xoxb-", extra: "-", min: 24}, {prefix: "xoxp-", extra: "-", min: 24}, {prefix: "xoxe-", extra: "-", min: 24},
	{prefix: "xoxa-", extra: "-", min: 24}, {prefix: "xapp-", extra: "-", min: 24},
	// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
	{prefix: "hooks.slack.com/services/", extra: "/", min: 40}, {prefix: "hooks.slack.com/workflows/", extra: "/", min: 40},
	// https://discord.com/developers/docs/resources/webhook
	{prefix: "discord.com/api/webhooks/", extra: "/_-", min: 60}, {prefix: "discordapp.com/api/webhooks/", extra: "/_-", min: 60},
	// https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
	{prefix: "webhook.office.com/webhookb2/", extra: "/@-", min: 60},
	// https://github.com/FiloSottile/age: Bech32 of 32 bytes
	{prefix: ageKey, min: 58, exact: true},
	// https://tailscale.com/kb/1277/key-prefixes
	{prefix: "tskey-", extra: "-", min: 24},
	// https://docs.k3s.io/cli/token: the hash of the cluster's CA comes first
	{prefix: "K10", extra: ":", min: 70},
	// https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
	{prefix: "hvs.", extra: "_-", min: 24}, {prefix: "hvb.", extra: "_-", min: 24},
	// https://developer.1password.com/docs/service-accounts/
	{prefix: "ops_eyJ", extra: "_-=", min: 100},
	// https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/: base64 of {"a":"…
	{prefix: "eyJhIjoi", extra: "+/=", min: 100},
	// https://docs.cloud.google.com/docs/authentication/api-keys
	{prefix: "AIza", extra: "_-", min: 35, exact: true},
	// https://docs.stripe.com/keys
	{prefix: "sk_live_", min: 24}, {prefix: "rk_live_", min: 24},
	// https://platform.claude.com/docs and https://platform.openai.com/docs
	{prefix: "sk-ant-", extra: "_-", min: 40}, {prefix: "sk-proj-", extra: "_-", min: 40},
	// https://huggingface.co/docs/hub/security-tokens
	{prefix: "hf_", min: 34, exact: true},
	// https://docs.docker.com/security/access-tokens/
	{prefix: "dckr_pat_", extra: "_-", min: 24},
	// https://www.twilio.com/docs/sendgrid
	{prefix: "SG.", extra: "_-.", min: 66, exact: true},
	// https://grafana.com/docs/grafana/latest/administration/service-accounts/
	{prefix: "glsa_", extra: "_", min: 41, exact: true},
	// https://docs.digitalocean.com/reference/api/create-personal-access-token/
	{prefix: "dop_v1_", min: 64, exact: true},
	// https://docs.npmjs.com/about-access-tokens
	{prefix: "npm_", min: 36, exact: true},
}

// tokenStarts are the first letters of the prefixes, and of a JWT.
const tokenStarts = "gxAhdwtKoesrSn"

// hasToken is true for a text in which a credential stands, as a word of its own. Only runs without a space that are
// long enough for one are looked at, which in most texts are few.
func hasToken(text string) bool {
	for start := 0; start+minToken <= len(text); {
		end := start
		for end < len(text) && text[end] > ' ' {
			end++
		}
		if end-start >= minToken && runHasToken(text[start:end]) {
			return true
		}
		start = end + 1
	}
	return false
}

func runHasToken(run string) bool {
	inWord := false
	for i := 0; i+minToken <= len(run); i++ {
		if !inWord && strings.IndexByte(tokenStarts, run[i]) >= 0 && tokenAt(run[i:]) {
			return true
		}
		inWord = isAlphanumeric(run[i]) || run[i] == '_'
	}
	return false
}

// tokenAt is true for a text that begins with a credential.
func tokenAt(text string) bool {
	if strings.HasPrefix(text, "eyJ") && isJWT(text) {
		return true
	}
	for i := range tokenShapes {
		t := &tokenShapes[i]
		if t.prefix[0] != text[0] || !strings.HasPrefix(text, t.prefix) {
			continue
		}
		word := leading(text[len(t.prefix):], t.extra)
		if len(word) >= t.min && (!t.exact || len(word) == t.min) && isRandom(word) {
			return true
		}
	}
	return false
}

// isJWT is true for a signed JSON Web Token: RFC 7519, in the compact form of RFC 7515 section 7.1.
func isJWT(text string) bool {
	parts := strings.SplitN(leading(text, "_-."), ".", 4)
	if len(parts) < 3 || !strings.HasPrefix(parts[1], "eyJ") || len(parts[2]) < minToken {
		return false
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	return err == nil && strings.Contains(string(header), `"alg"`)
}

// leading is the longest beginning of text that has only letters, digits and the characters of extra.
func leading(text, extra string) string {
	for i := range len(text) {
		if !isAlphanumeric(text[i]) && strings.IndexByte(extra, text[i]) < 0 {
			return text[:i]
		}
	}
	return text
}

// isRandom is false for the examples of documentation: AKIA…EXAMPLE, ghp_xxxx….
func isRandom(word string) bool {
	var seen [256]bool
	kinds := 0
	for _, c := range []byte(word) {
		if !seen[c] {
			seen[c] = true
			kinds++
		}
	}
	if kinds < 8 {
		return false
	}
	lower := strings.ToLower(word)
	return !strings.Contains(lower, "example") && !strings.Contains(lower, "xxxx")
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
