export const SHELLS = ['bash', 'zsh', 'fish'] as const;

type Shell = (typeof SHELLS)[number];

// Nothing that `lantern __complete` prints is evaluated: the scripts only read lines.

const BASH = `# Completion of lantern for bash.

_lantern() {
  local fallback offset ending
  COMPREPLY=()
  {
    read -r fallback offset ending
    mapfile -t COMPREPLY
  } < <(lantern __complete bash -- "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
  [[ $ending == open ]] && compopt -o nospace
  case $fallback in
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
    commands) [[ \${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -c -- "$2") ;;
  esac
}

complete -F _lantern lantern
`;

const ZSH = `#compdef lantern
# Completion of lantern for zsh.

_lantern() {
  local -a lines mode candidates suffix
  local line value
  lines=("\${(@f)$(lantern __complete zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  mode=("\${(@s: :)lines[1]}") # fallback, offset, open or closed
  for line in "\${(@)lines[2,-1]}"; do
    value=\${line%%$'\\t'*}
    value=\${value//\\\\/\\\\\\\\}
    candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  [[ $mode[3] == open ]] && suffix=(-S '')
  (( $#candidates )) && _describe -t values value candidates $suffix && return
  [[ -n $mode[2] ]] && compset -p $mode[2]
  case $mode[1] in
    files) _files ;;
    directories) _files -/ ;;
    commands) _command_names -e ;;
    *) return 1 ;;
  esac
}

if [[ $funcstack[1] == _lantern ]]; then
  _lantern "$@"
elif (( $+functions[compdef] )); then
  compdef _lantern lantern
fi
`;

const FISH = `# Completion of lantern for fish.

function __lantern_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l raw (commandline -ct)
    # A quote may be open.
    set -l word (string unescape -- $raw || string unescape -- $raw\\' || string unescape -- $raw\\")
    set -l lines (lantern __complete fish -- $words "$word" 2>/dev/null </dev/null)
    set -l mode (string split ' ' -- "$lines[1]")
    set -e lines[1]
    test (count $lines) -gt 0; and printf '%s\\n' $lines
    test (count $mode) -eq 3; or return
    set -l kept (string sub -l $mode[2] -- "$word")
    set -l rest (string sub -s (math $mode[2] + 1) -- "$word")
    switch $mode[1]
        case files
            printf '%s\\n' $kept(__fish_complete_path "$rest")
        case directories
            printf '%s\\n' $kept(__fish_complete_directories "$rest" '')
        case commands
            complete -C "$word"
    end
end

complete -c lantern -f -a '(__lantern_complete)'
`;

/** Text of a script that the shell sources. */
export const SHELL_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
