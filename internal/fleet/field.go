package fleet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Field leads through a document or an object: a string for each key, an int for each index of a list.
type Field []any

// MarshalBinary is the form that caches keep: read back, an index is an int again, and what is empty is not nil.
func (f Field) MarshalBinary() ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	data := []byte{'/'}
	for _, step := range f {
		switch step := step.(type) {
		case int:
			data = binary.AppendVarint(append(data, 'i'), int64(step))
		case string:
			data = appendText(append(data, 's'), step)
		default:
			return nil, fmt.Errorf("a %T is no step of a field", step)
		}
	}
	return data, nil
}

// UnmarshalBinary reads what MarshalBinary has written.
func (f *Field) UnmarshalBinary(data []byte) error {
	*f = nil
	if len(data) == 0 {
		return nil
	}
	all := Field{}
	for data = data[1:]; len(data) > 0; {
		kind, rest := data[0], data[1:]
		n, size := int64(0), 0
		if kind == 'i' {
			n, size = binary.Varint(rest)
		} else if length, read := binary.Uvarint(rest); read > 0 && length <= uint64(len(rest)-read) {
			n, size = int64(length), read
		}
		if size <= 0 {
			return errNoField
		}
		if data = rest[size:]; kind == 'i' {
			all = append(all, int(n))
		} else {
			all, data = append(all, string(data[:n])), data[n:]
		}
	}
	*f = all
	return nil
}

var errNoField = errors.New("not the form of a field")
