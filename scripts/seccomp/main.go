// Prints the default seccomp profile of the Docker engine, as the engine's own module has it. scripts/seccomp-profile.mjs
// makes Lantern's of it.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/moby/profiles/seccomp"
)

func main() {
	if err := json.NewEncoder(os.Stdout).Encode(seccomp.DefaultProfile()); err != nil {
		log.Fatal(err)
	}
}
