// Runs kubectl's `create` and jsonpath templates for the conformance suite: one request per line of stdin, JSON,
// and one answer per line. It is kubectl's own code, without what needs a cluster.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/util/jsonpath"
	"k8s.io/kubectl/pkg/cmd/create"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
)

type request struct {
	// The words after `kubectl create`, which runs in the working directory. Without them, a template.
	Create []string `json:"create,omitempty"`

	Template string `json:"template,omitempty"`
	// The object that the template is applied to, JSON.
	Object string `json:"object,omitempty"`
}

type answer struct {
	Text  []byte `json:"text,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	in := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20))
	out := json.NewEncoder(os.Stdout)
	for {
		var asked request
		if err := in.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(reply(asked)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// A refusal of kubectl's, and a panic of its: both are verdicts.
func reply(asked request) (given answer) {
	defer func() {
		if refusal := recover(); refusal != nil {
			given = answer{Error: fmt.Sprint(refusal)}
		}
	}()
	text, err := execute(asked)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Text: text}
}

func execute(asked request) ([]byte, error) {
	if asked.Create != nil {
		return runCreate(asked.Create)
	}
	return render(asked.Template, asked.Object)
}

func runCreate(args []string) ([]byte, error) {
	cmdutil.BehaviorOnFatal(func(message string, _ int) { panic(message) })
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: &out, ErrOut: io.Discard}
	flags := genericclioptions.NewConfigFlags(true)
	command := create.NewCmdCreate(cmdutil.NewFactory(flags), streams)
	flags.AddFlags(command.PersistentFlags())
	command.SetArgs(args)
	command.SetOut(io.Discard)
	command.SetErr(io.Discard)
	err := command.Execute()
	return out.Bytes(), err
}

// As the printer of `-o jsonpath` has it.
func render(template, object string) ([]byte, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewBufferString(object))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	path := jsonpath.New("out").AllowMissingKeys(true)
	if err := path.Parse(template); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := path.Execute(&out, integers(value))
	return out.Bytes(), err
}

// Whole numbers are int64 in what kubectl reads.
func integers(value any) any {
	switch held := value.(type) {
	case map[string]any:
		for key := range held {
			held[key] = integers(held[key])
		}
	case []any:
		for at := range held {
			held[at] = integers(held[at])
		}
	case json.Number:
		if whole, err := held.Int64(); err == nil {
			return whole
		}
		number, _ := held.Float64()
		return number
	}
	return value
}
