package loader

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"

	yaml "sigs.k8s.io/yaml/goyaml.v3"
)

// decodeText is the text of a file in UTF-8. UTF-16 with a byte order mark is YAML too, and kustomize reads it, but no
// more than its first document: it cuts a file into documents by bytes. Any other content stays as it is.
//
// Source: kubernetes-sigs/kustomize kyaml/v0.21.1 kio/byteio_reader.go splitDocuments, Read.
func decodeText(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case len(data)%2 != 0:
		return data
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	units := make([]uint16, 0, len(data)/2)
	for at := 2; at < len(data); at += 2 {
		units = append(units, order.Uint16(data[at:]))
	}
	text := []byte(string(utf16.Decode(units)))
	documents := 0
	if eachNode(text, func(int, *yaml.Node) { documents++ }) == nil && documents > 1 {
		return data
	}
	return text
}
