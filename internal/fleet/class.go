package fleet

// Class is what a value is, where the value itself must not be shown.
type Class string

const (
	Encrypted  Class = "enc"        // a SOPS ciphertext
	Variable   Class = "var"        // substitution variables, ${NAME}, and around them nothing that can be a credential
	Key        Class = "pem"        // a PEM private key
	Kubeconfig Class = "kubeconfig" // a kubeconfig with a credential in it
	Token      Class = "token"      // the shape of a known credential: a JWT, a cloud or forge token
	Address    Class = "address"    // an address with a password in it, alone or in a longer text
	Plain      Class = "plain"      // any other text
	Public     Class = "public"     // what anybody may read: a certificate, a public key, the name of an algorithm
	Empty      Class = "empty"      // nothing, or what is no credential: a placeholder, a truth value
	Ref        Class = "ref"        // a reference that another tool fills in: op://, vault:, <path:…>
)
