package secret

import (
	"regexp"
	"strings"
)

// keyGroups are the kinds of keys that SOPS encrypts a data key to, as its metadata calls them.
var keyGroups = []string{"age", "pgp", "kms", "gcp_kms", "azure_kv", "hc_vault", "hckms"}

var (
	agePublicKey   = regexp.MustCompile(`^age1[0-9a-z]+$`)
	sshPublicKey   = regexp.MustCompile(`^ssh-[0-9a-z-]+ [0-9A-Za-z+/=]+`)
	pgpFingerprint = regexp.MustCompile(`^(?:0x)?([0-9A-Fa-f]{8,64})$`)
)

// Recipient is how a key is called among the recipients of a document: by its public key if it is one of
// age's or SSH's, by its fingerprint in capitals if it is one of PGP's. Any other key is called by its kind,
// one of SOPS's metadata, for it has several spellings; and so is what has not the form of a public key,
// which it may be dangerous to show.
//
// Source: getsops/sops v3.13.2 age/keysource.go MasterKeyFromRecipient, pgp/keysource.go NewMasterKeyFromFingerprint.
func Recipient(kind, id string) string {
	id = strings.TrimSpace(id)
	switch kind {
	case "age":
		if agePublicKey.MatchString(id) {
			return id
		}
		if key := sshPublicKey.FindString(id); key != "" { // a comment may follow
			return key
		}
	case "pgp":
		if m := pgpFingerprint.FindStringSubmatch(strings.ReplaceAll(id, " ", "")); m != nil {
			return strings.ToUpper(m[1])
		}
	}
	return kind
}

// IsUnnamed is true for what Recipient calls by its kind though keys of that kind have names:
// which key it is nobody knows.
func IsUnnamed(recipient string) bool { return recipient == "age" || recipient == "pgp" }
