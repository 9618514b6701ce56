package fleet

// Redacted is what is known of a secret value that is not kept. In an object it stands as
// {"$class": class, "$len": bytes}, with a "$certificate" where the value was one in the clear.
type Redacted struct {
	Class Class
	// Length is that of the value in bytes, after base64.
	Length int
	// Certificate is nil where the value is none.
	Certificate *Certificate
}

// The keys of a redacted value. No Kubernetes object has fields of such names.
const (
	classKey       = "$class"
	lengthKey      = "$len"
	certificateKey = "$certificate"
)

// Content is the form in an object, of the types that a JSON decoder gives: a cache hands back the same.
func (r Redacted) Content() map[string]any {
	content := map[string]any{classKey: string(r.Class), lengthKey: int64(r.Length)}
	if c := r.Certificate; c != nil {
		content[certificateKey] = map[string]any{
			"notAfter": c.NotAfter, "commonName": c.CommonName, "ca": c.CA,
			"organization": texts(c.Organization), "hosts": texts(c.Hosts),
		}
	}
	return content
}

// ReadRedacted reads what Content has written; false for anything else.
func ReadRedacted(value any) (Redacted, bool) {
	fields, ok := value.(map[string]any)
	if !ok || len(fields) < 2 || len(fields) > 3 {
		return Redacted{}, false
	}
	class, isClass := fields[classKey].(string)
	length, isLength := number(fields[lengthKey])
	if !isClass || !isLength {
		return Redacted{}, false
	}
	r := Redacted{Class: Class(class), Length: length}
	if len(fields) == 3 {
		read, ok := fields[certificateKey].(map[string]any)
		if !ok {
			return Redacted{}, false
		}
		ca, _ := read["ca"].(bool)
		r.Certificate = &Certificate{NotAfter: textAt(read, "notAfter"), CommonName: textAt(read, "commonName"), CA: ca,
			Organization: textsAt(read, "organization"), Hosts: textsAt(read, "hosts")}
	}
	return r, true
}

// isRedacted is true for what stands in the place of a secret value.
func isRedacted(value any) bool {
	_, ok := ReadRedacted(value)
	return ok
}

func texts(list []string) []any {
	all := make([]any, len(list))
	for i, text := range list {
		all[i] = text
	}
	return all
}
