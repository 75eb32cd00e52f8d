// Reads and prints YAML with Kubernetes' libraries for the conformance suite: one request per line of stdin, JSON, and one answer per line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type request struct {
	// "read": one YAML document to JSON. "stream": a manifest's documents, as kubectl reads them. "print": a core/v1 object
	// in YAML or JSON to YAML, as kubectl prints it.
	Do   string `json:"do"`
	Text []byte `json:"text"`
}

type answer struct {
	// JSON, as text: whoever reads the answer must not round its numbers.
	Values []string `json:"values,omitempty"`
	Text   []byte   `json:"text,omitempty"`
	Error  string   `json:"error,omitempty"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	decoder := json.NewDecoder(in)
	for {
		var asked request
		if err := decoder.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		given, err := reply(asked)
		if err != nil {
			given = answer{Error: err.Error()}
		}
		if err := out.Encode(given); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func reply(asked request) (answer, error) {
	switch asked.Do {
	case "read":
		value, err := yaml.YAMLToJSONStrict(asked.Text)
		return answer{Values: []string{string(value)}}, err
	case "stream":
		return readStream(asked.Text)
	case "print":
		return printObject(asked.Text)
	}
	return answer{}, fmt.Errorf("unknown request %q", asked.Do)
}

func readStream(text []byte) (answer, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	values := []string{}
	for {
		var value runtime.RawExtension
		if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
			return answer{Values: values}, nil
		} else if err != nil {
			return answer{}, err
		}
		if value.Raw = bytes.TrimSpace(value.Raw); len(value.Raw) > 0 && !bytes.Equal(value.Raw, []byte("null")) {
			values = append(values, string(value.Raw))
		}
	}
}

func printObject(text []byte) (answer, error) {
	var kind struct{ Kind string }
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return answer{}, err
	}
	var object any
	switch kind.Kind {
	case "Secret":
		object = &corev1.Secret{}
	case "ConfigMap":
		object = &corev1.ConfigMap{}
	case "ServiceAccount":
		object = &corev1.ServiceAccount{}
	default:
		return answer{}, fmt.Errorf("unknown kind %q", kind.Kind)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return answer{}, err
	}
	printed, err := yaml.Marshal(object)
	return answer{Text: printed}, err
}
