"""Names as they stand in real logs, by the field of the event that they fill: what the gate must let through as it is.

A gate that hashed them would be safe and useless: who asks a SIEM for ``gpt-4o`` needs ``gpt-4o``. Taken from the
project's samples, the providers' documentation and their recorded traffic; people, companies and accounts are made up.
Fields of objects are written with a dot: ``cloud.region``, ``tool_calls.name``.
"""

from __future__ import annotations

import base64
import random
import string
import uuid
from collections.abc import Callable
from typing import Final

_random = random.Random(11)
_HEX, _LOWER, _ALNUM = "0123456789abcdef", string.ascii_lowercase + string.digits, string.ascii_letters + string.digits
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ACCOUNT = "123456789012"


def _of(alphabet: str, length: int) -> str:
    return "".join(_random.choice(alphabet) for _ in range(length))


def _uuid() -> str:
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))


def _some(count: int, make: Callable[[], str]) -> list[str]:
    return [make() for _ in range(count)]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines() if line.strip()]


_OPENAI = """
gpt-3.5-turbo gpt-3.5-turbo-0125 gpt-3.5-turbo-1106 gpt-3.5-turbo-16k gpt-3.5-turbo-instruct gpt-35-turbo gpt-35-turbo-16k
gpt-4 gpt-4-0613 gpt-4-32k gpt-4-turbo gpt-4-turbo-preview gpt-4-1106-preview gpt-4-vision-preview gpt-4o gpt-4o-2024-05-13
gpt-4o-2024-08-06 gpt-4o-2024-11-20 gpt-4o-mini gpt-4o-mini-2024-07-18 gpt-4o-audio-preview gpt-4o-realtime-preview-2024-12-17
gpt-4o-mini-search-preview-2025-03-11 gpt-4o-search-preview gpt-4o-transcribe gpt-4o-mini-transcribe gpt-4o-mini-tts
gpt-4.1 gpt-4.1-2025-04-14 gpt-4.1-mini gpt-4.1-nano gpt-4.5-preview gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-nano gpt-5-pro
gpt-5-chat-latest gpt-5-codex gpt-5.1 gpt-5.1-codex-max gpt-5.4-2026-03-05 gpt-oss-120b gpt-oss-20b gpt-image-1 gpt-realtime
o1 o1-2024-12-17 o1-mini o1-preview o1-pro o3 o3-mini o3-deep-research o4-mini o4-mini-deep-research-2025-06-26 chatgpt-4o-latest
codex-mini-latest computer-use-preview-2025-03-11 omni-moderation-latest text-moderation-stable text-moderation-007 dall-e-2
dall-e-3 whisper-1 tts-1 tts-1-hd sora-2 sora-2-pro davinci-002 babbage-002 text-davinci-003 code-davinci-002
text-embedding-ada-002 text-embedding-3-small text-embedding-3-large ft:gpt-3.5-turbo-0613:my-org:custom_suffix:7p4lURel
ft:gpt-4o-mini-2024-07-18:nordwind-ag:claims-de:9xYzAbCd ft:gpt-4o-2024-08-06:personal::A1b2C3d4
ft:gpt-4.1-mini-2025-04-14:acme:support-bot-v2:BKdEfGhI:ckpt-step-90 gpt-3.5-turbo-instruct:20230824-v2 davinci:2023-07-21-v2
"""
_ANTHROPIC = """
claude-2.0 claude-2.1 claude-instant-1.2 claude-3-opus-20240229 claude-3-opus-latest claude-3-sonnet-20240229
claude-3-haiku-20240307 claude-3-5-sonnet-20240620 claude-3-5-sonnet-20241022 claude-3-5-sonnet-latest claude-3-5-haiku-20241022
claude-3-5-haiku-latest claude-3-7-sonnet-20250219 claude-3-7-sonnet-latest claude-sonnet-4-0 claude-sonnet-4-20250514
claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-opus-4-20250514 claude-opus-4-1-20250805 claude-haiku-4-5-20251001
claude-opus-4-5 claude-sonnet-4-6 anthropic/claude-sonnet-4.5 claude-3-5-sonnet@20240620 claude-sonnet-4-5@20250929 claude-v1.3
"""
_GOOGLE = """
gemini-1.0-pro gemini-1.0-pro-vision-001 gemini-1.5-flash gemini-1.5-flash-8b gemini-1.5-flash-002 gemini-1.5-pro gemini-1.5-pro-002
gemini-2.0-flash gemini-2.0-flash-001 gemini-2.0-flash-lite gemini-2.0-flash-exp gemini-2.0-flash-live-001
gemini-2.0-flash-thinking-exp-01-21 gemini-2.0-flash-preview-image-generation gemini-2.5-flash gemini-2.5-flash-lite
gemini-2.5-flash-preview-09-2025 gemini-2.5-flash-image gemini-2.5-flash-native-audio-preview-09-2025 gemini-2.5-pro
gemini-2.5-pro-preview-05-06 gemini-2.5-computer-use-preview-10-2025 gemini-3-pro-preview gemini-3.5-flash gemini-embedding-001
models/gemini-2.5-flash models/text-embedding-004 text-bison@001 chat-bison-32k@002 textembedding-gecko@003 text-embedding-005
text-multilingual-embedding-002 imagen-3.0-generate-002 imagen-4.0-ultra-generate-001 veo-3.0-generate-001 gemma-2-9b-it
gemma-3-27b-it medlm-large code-gecko@002 publishers/google/models/gemini-2.5-pro
projects/claims-prod-118/locations/europe-west4/endpoints/5512 projects/118/locations/us-central1/models/7712001@2
projects/acme-ml/locations/us-central1/publishers/google/models/gemini-2.0-flash-001 5512 tunedModels/claims-classifier-x1y2z3
"""
_BEDROCK = """
anthropic.claude-v2 anthropic.claude-v2:1 anthropic.claude-v2:1:200k anthropic.claude-instant-v1
anthropic.claude-3-sonnet-20240229-v1:0 anthropic.claude-3-haiku-20240307-v1:0 anthropic.claude-3-opus-20240229-v1:0
anthropic.claude-3-5-sonnet-20240620-v1:0 anthropic.claude-3-5-sonnet-20241022-v2:0 anthropic.claude-3-5-haiku-20241022-v1:0
anthropic.claude-3-7-sonnet-20250219-v1:0 anthropic.claude-sonnet-4-20250514-v1:0 anthropic.claude-opus-4-1-20250805-v1:0
anthropic.claude-haiku-4-5-20251001-v1:0 us.anthropic.claude-3-7-sonnet-20250219-v1:0 eu.anthropic.claude-sonnet-4-5-20250929-v1:0
apac.anthropic.claude-3-5-sonnet-20241022-v2:0 global.anthropic.claude-sonnet-4-5-20250929-v1:0 us-gov.anthropic.claude-3-haiku-20240307-v1:0
amazon.titan-text-express-v1 amazon.titan-text-lite-v1 amazon.titan-text-premier-v1:0 amazon.titan-embed-text-v1
amazon.titan-embed-text-v2:0 amazon.titan-embed-image-v1 amazon.titan-image-generator-v2:0 amazon.nova-micro-v1:0
amazon.nova-lite-v1:0 amazon.nova-pro-v1:0 amazon.nova-premier-v1:0 amazon.nova-canvas-v1:0 amazon.nova-sonic-v1:0 us.amazon.nova-pro-v1:0
amazon.rerank-v1:0 ai21.j2-mid-v1 ai21.j2-ultra-v1 ai21.jamba-1-5-large-v1:0 ai21.jamba-instruct-v1:0 cohere.command-text-v14
cohere.command-light-text-v14 cohere.command-r-v1:0 cohere.command-r-plus-v1:0 cohere.embed-english-v3 cohere.embed-multilingual-v3
cohere.rerank-v3-5:0 meta.llama2-13b-chat-v1 meta.llama2-70b-chat-v1 meta.llama3-8b-instruct-v1:0 meta.llama3-70b-instruct-v1:0
meta.llama3-1-405b-instruct-v1:0 meta.llama3-2-90b-instruct-v1:0 us.meta.llama3-3-70b-instruct-v1:0 us.meta.llama4-scout-17b-instruct-v1:0
us.meta.llama4-maverick-17b-instruct-v1:0 mistral.mistral-7b-instruct-v0:2 mistral.mixtral-8x7b-instruct-v0:1
mistral.mistral-large-2402-v1:0 mistral.mistral-large-2407-v1:0 mistral.pixtral-large-2502-v1:0 mistral.devstral-2-123b
stability.stable-diffusion-xl-v1 stability.sd3-5-large-v1:0 stability.stable-image-ultra-v1:1 deepseek.r1-v1:0 deepseek.v3-v1:0
us.deepseek.r1-v1:0 openai.gpt-oss-120b-1:0 openai.gpt-oss-20b-1:0 qwen.qwen3-coder-480b-a35b-v1:0 qwen.qwen3-235b-a22b-2507-v1:0
luma.ray-v2:0 writer.palmyra-x5-v1:0 twelvelabs.pegasus-1-2-v1:0 bedrock/anthropic.claude-3-5-sonnet-20240620-v1:0
arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20240620-v1:0
arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-3-5-sonnet-20240620-v1:0
arn:aws:bedrock:us-west-2:123456789012:application-inference-profile/a1b2c3d4e5f6
arn:aws:bedrock:us-east-1:123456789012:provisioned-model/8y3k2m9x0q1w
arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.titan-text-lite-v1:0:4k/ab12cd34ef56
arn:aws:bedrock:us-west-2:123456789012:imported-model/q1w2e3r4t5y6 arn:aws:bedrock:us-east-1:123456789012:prompt/AB12CD34EF:2
arn:aws:bedrock:us-east-1:123456789012:default-prompt-router/anthropic.claude:1
arn:aws:sagemaker:eu-central-1:123456789012:endpoint/fraud-llm-prod arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.titan-text-express-v1
"""
_HUGGING_FACE = """
meta-llama/Llama-2-7b-chat-hf meta-llama/Llama-3.1-8B-Instruct meta-llama/Meta-Llama-3.1-405B-Instruct-FP8
meta-llama/Llama-3.3-70B-Instruct-Turbo meta-llama/Llama-3.2-11B-Vision-Instruct meta-llama/Llama-4-Scout-17B-16E-Instruct
meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8 meta-llama/LlamaGuard-7b meta-llama/Llama-Guard-3-8B facebook/opt-125m
mistralai/Mistral-7B-Instruct-v0.3 mistralai/Mixtral-8x7B-Instruct-v0.1 mistralai/Mistral-Small-3.2-24B-Instruct-2506
mistralai/Codestral-22B-v0.1 mistralai/Devstral-Small-2505 Qwen/Qwen2.5-7B-Instruct Qwen/Qwen2.5-Coder-32B-Instruct-AWQ
Qwen/Qwen3-235B-A22B-Instruct-2507 Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8 Qwen/QwQ-32B Qwen/Qwen2-VL-72B-Instruct-GPTQ-Int4
deepseek-ai/DeepSeek-V3 deepseek-ai/DeepSeek-V3-0324 deepseek-ai/DeepSeek-R1-Distill-Llama-70B deepseek-ai/deepseek-coder-6.7b-instruct
google/gemma-2-27b-it google/gemma-3n-E4B-it google/flan-t5-xxl microsoft/Phi-3-mini-4k-instruct microsoft/Phi-3.5-MoE-instruct
microsoft/phi-4 microsoft/Phi-4-multimodal-instruct microsoft/WizardLM-2-8x22B tiiuae/falcon-180B-chat tiiuae/Falcon3-10B-Instruct
bigscience/bloomz-7b1 bigcode/starcoder2-15b HuggingFaceH4/zephyr-7b-beta HuggingFaceTB/SmolLM2-1.7B-Instruct NousResearch/Hermes-3-Llama-3.1-8B
NousResearch/Nous-Hermes-2-Mixtral-8x7B-DPO teknium/OpenHermes-2.5-Mistral-7B openchat/openchat-3.5-0106 01-ai/Yi-1.5-34B-Chat
CohereForAI/c4ai-command-r-plus-08-2024 databricks/dbrx-instruct upstage/SOLAR-10.7B-Instruct-v1.0 allenai/Llama-3.1-Tulu-3-8B
nvidia/Llama-3.1-Nemotron-70B-Instruct-HF nvidia/Llama-3_3-Nemotron-Super-49B-v1_5 ibm-granite/granite-3.1-8b-instruct zai-org/GLM-4.5-Air
moonshotai/Kimi-K2-Instruct-0905 openai/gpt-oss-120b TheBloke/Mistral-7B-Instruct-v0.2-GGUF TheBloke/Llama-2-13B-chat-GPTQ
unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit bartowski/Llama-3.2-3B-Instruct-GGUF lmsys/vicuna-13b-v1.5 lmstudio-community/Qwen3-4B-GGUF
BAAI/bge-m3 BAAI/bge-reranker-v2-m3 BAAI/bge-large-en-v1.5 intfloat/multilingual-e5-large-instruct sentence-transformers/all-MiniLM-L6-v2
sentence-transformers/paraphrase-multilingual-mpnet-base-v2 nomic-ai/nomic-embed-text-v1.5 stabilityai/stable-diffusion-xl-base-1.0
black-forest-labs/FLUX.1-schnell openai/whisper-large-v3-turbo Snowflake/snowflake-arctic-embed-l-v2.0 jinaai/jina-embeddings-v3
"""
_OTHERS = """
llama3 llama3.1 llama3.2:latest llama3.1:8b-instruct-q4_K_M llama3.3:70b qwen2.5:7b qwen2.5-coder:32b qwen3.6:latest mistral:7b-instruct-v0.2-q5_K_M
mixtral:8x7b gemma2:9b gemma3:27b-it-qat phi3:mini phi4 deepseek-r1:14b codellama:34b-instruct nomic-embed-text mxbai-embed-large:335m llava:13b
tinyllama hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M registry.ollama.ai/library/llama3.2:latest mistral-tiny mistral-small-latest mistral-small-2501
mistral-medium-2505 mistral-large-2411 open-mistral-nemo open-mixtral-8x22b codestral-2501 ministral-8b-latest magistral-medium-2506 pixtral-12b-2409
mistral-embed mistral-ocr-latest voxtral-mini-2507 command command-light command-r-08-2024 command-r-plus command-a-03-2025 c4ai-aya-expanse-32b
embed-english-v3.0 embed-v4.0 rerank-v3.5 deepseek-chat deepseek-reasoner grok-2-1212 grok-3-mini-fast grok-4-0709 grok-code-fast-1 sonar sonar-reasoning-pro
llama-3.1-sonar-large-128k-online llama3-8b-8192 llama-3.3-70b-versatile llama-3.1-8b-instant mixtral-8x7b-32768 gemma2-9b-it moonshot-v1-128k kimi-k2-0711-preview
qwen-max qwen-plus-2025-04-28 qwen-turbo glm-4-plus glm-4.5 ernie-4.0-8k doubao-pro-32k hunyuan-large yi-large abab6.5s-chat step-2-16k voyage-3-large voyage-code-2
jamba-1.5-large jamba-large-1.6 reka-core palmyra-x-004 granite-13b-chat-v2 ibm/granite-3-8b-instruct databricks-dbrx-instruct databricks-claude-sonnet-4
databricks-meta-llama-3-3-70b-instruct system.ai.llama_v3_3_70b_instruct snowflake-arctic solar-pro @cf/meta/llama-3.1-8b-instruct
@cf/meta/llama-3.3-70b-instruct-fp8-fast @cf/mistral/mistral-7b-instruct-v0.2-lora @cf/baai/bge-base-en-v1.5 @hf/thebloke/deepseek-coder-6.7b-instruct-awq
openai/gpt-4o-mini azure/gpt-4o-eu vertex_ai/gemini-2.5-pro bedrock/us.amazon.nova-pro-v1:0 groq/llama-3.3-70b-versatile ollama_chat/llama3.1 huggingface/HuggingFaceH4/zephyr-7b-beta
together_ai/meta-llama/Llama-3-70b-chat-hf openrouter/anthropic/claude-3.5-sonnet:beta openrouter/auto fireworks_ai/accounts/fireworks/models/llama-v3p1-405b-instruct
accounts/fireworks/models/deepseek-v3 accounts/fireworks/models/qwen2p5-72b-instruct replicate/meta/meta-llama-3-70b-instruct deepinfra/microsoft/WizardLM-2-8x22B
sagemaker/jumpstart-dft-meta-textgeneration-llama-2-7b watsonx/ibm/granite-13b-chat-v2 xai/grok-4 perplexity/sonar-pro cohere/command-r-plus mistral/mistral-large-latest
fraud-llm-prod triage-prod chat-eu claims-de gpt-41 gpt4o-mini-westeurope prod-gpt-4o-20240806 my-deployment-1 copilot-internal llama-3-8b-lora-support-v3 sql-lora
/models/mistral-7b-instruct-v0.2.Q4_K_M.gguf /opt/ml/model tgi ggml-model-q4_0.gguf unsloth_llama3_8b.gguf /data/models/qwen2.5-7b /mnt/models nope
"""
_USER_AGENTS = """
OpenAI/Python 1.40.0
OpenAI/Python 1.109.1
AsyncOpenAI/Python 1.97.1
AsyncOpenAI/Python 2.12.0
AzureOpenAI/Python 1.99.7
AsyncAzureOpenAI/Python 1.54.3
OpenAI/JS 4.67.3
OpenAI/Go 0.1.0-alpha.38
OpenAI/Java 2.20.1
OpenAI/.NET 2.1.0 (.NET 8.0.10; Ubuntu 22.04.5 LTS)
openai-python/1.40.0
Anthropic/Python 0.49.0
AsyncAnthropic/Python 0.36.2
AnthropicBedrock/Python 0.45.2
AnthropicVertex/Python 0.39.0
Anthropic/JS 0.32.1
anthropic-sdk/0.30
claude-cli/1.0.51 (external, cli)
claude-cli/2.0.14 (external, sdk-ts)
claude-code/1.0.60
Groq/Python 0.10.0
AsyncGroq/Python 0.10.0
groq-python/0.9.0
mistral-client-python/1.9.10
mistral-client-typescript/1.5.0
cohere-python/5.13.3
speakeasy-sdk/python 1.2.3 2.415.8 0.0.2 mistralai
google-genai-sdk/1.32.0 gl-python/3.10.18
google-genai-sdk/1.52.0 gl-node/v20.11.1
genai-py/0.8.3 gl-python/3.11.4 grpc/1.66.2 gax/2.21.0
model-builder/1.71.1 grpc-python/1.67.1 gl-python/3.12.4
vertex-genai-modules/1.38.1
google-api-python-client/2.149.0 (gzip)
google-cloud-sdk gcloud/500.0.0 command/gcloud.ai.endpoints.predict
google-api-nodejs-client/7.14.2
GoogleHC/1.0
ollama-python/0.3.2 (arm64 darwin) Python/3.12.4
ollama-js/0.5.12 (x64 linux Node.js/v20.11.1)
ollama/0.5.7 (arm64 darwin) Go/go1.23.4
litellm/1.52.3
litellm-proxy/1.106.2
langchain/0.3.7
LangChain/Python 0.2.16
langsmith-py/0.1.142
llama-index/0.11.23
LlamaIndex/0.9.48
semantic-kernel/1.15.0
semantic-kernel-python/1.15.0
HttpOptions; Semantic-Kernel
azsdk-python-ai-inference/1.0.0b6 Python/3.11.9 (Linux-5.15.0-1073-azure-x86_64-with-glibc2.35)
azsdk-net-AI.OpenAI/2.1.0 (.NET 8.0.11; Ubuntu 22.04.5 LTS)
azsdk-net-AI.OpenAI/1.0.0-beta.17 (.NET 6.0.36; Microsoft Windows 10.0.20348)
azsdk-js-openai-rest/2.0.0 core-rest-pipeline/1.17.0 Node/20.11.1 OS/(x64-Linux-5.15.0)
azsdk-java-azure-ai-openai/1.0.0-beta.12 (17.0.13; Linux; 5.15.0)
azsdk-python
AZURECLI/2.67.0 (DEB) azsdk-python-core/1.31.0 Python/3.12.7 (Linux-6.5.0-1025-azure-x86_64-with-glibc2.35)
Microsoft-Azure-Api-Management/1.0
Agents/Python 0.2.7
agent-framework-python/1.0.0
Boto3/1.40.1
Boto3/1.37.11 md/Botocore#1.37.11 lang/python#3.12.9
Boto3/1.34.144 md/Botocore#1.34.144 ua/2.0 os/linux#5.10.220-209.869.amzn2.x86_64 md/arch#x86_64 lang/python#3.11.6 md/pyimpl#CPython exec-env/AWS_Lambda_python3.11 cfg/retry-mode#legacy Botocore/1.34.144
Boto3/1.35.76 md/Botocore#1.35.76 ua/2.0 os/macos#24.1.0 md/arch#arm64 lang/python#3.12.7 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.35.76
aws-cli/2.13.5 Python/3.11.4
aws-cli/2.15.59 md/awscrt#0.19.19 ua/2.0 os/macos#22.6.0 md/arch#arm64 lang/python#3.11.11 md/pyimpl#CPython cfg/retry-mode#standard md/installer#source md/prompt#off md/command#sts.get-caller-identity
aws-cli/1.34.2 md/Botocore#1.35.2 ua/2.0 os/linux#6.1.0-25-amd64 md/arch#x86_64 lang/python#3.11.2 md/pyimpl#CPython cfg/retry-mode#legacy botocore/1.35.2
aws-cli/2.13.0 Python/3.11.4 Linux/5.10.0-1234-aws exe/x86_64.ubuntu.22
aws-sdk-go/1.29.7 (go1.13.7; darwin; amd64) APN/1.0 HashiCorp/1.0 Terraform/0.12.24 (+https://www.terraform.io)
aws-sdk-go/1.15.12 (go1.12.6; linux; amd64)
aws-sdk-go-v2/1.14.0 os/macos lang/go/1.17.6 md/GOOS/darwin md/GOARCH/arm64 api/iam/1.17.0
aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#amd64 api/bedrockruntime#1.13.1
aws-sdk-js/3.614.0 ua/2.0 os/linux#5.10.220 lang/js md/nodejs#20.15.1 api/bedrock-runtime#3.614.0
aws-sdk-java/2.26.20 Linux/5.10.220-209.869.amzn2.x86_64 OpenJDK_64-Bit_Server_VM/17.0.11+9-LTS Java/17.0.11 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/legacy
aws-sdk-rust/1.3.3 os/linux lang/rust/1.81.0
aws-sdk-dotnet-coreclr/3.7.400.15 aws-sdk-dotnet-core/3.7.400.15 .NET_Core/8.0.7 OS/Microsoft_Windows_10.0.20348 ClientAsync
S3Console/0.4, aws-internal/3 aws-sdk-java/1.12.750 Linux/5.10.220 OpenJDK_64-Bit_Server_VM/25.412-b08 java/1.8.0_412 vendor/Oracle_Corporation cfg/retry-mode/standard
AWS Internal
aws-internal/3
aws sdk
config.amazonaws.com
console.amazonaws.com
console.ec2.amazonaws.com
cloudformation.amazonaws.com
autoscaling.amazonaws.com
eks-nodegroup.amazonaws.com
bedrock.amazonaws.com
bedrock-agentcore.amazonaws.com
sso.amazonaws.com
signin.amazonaws.com
amazon-ssm-agent/3.2.0
APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.60.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5
curl/7.88.1
curl/8.5.0
Wget/1.21.4
HTTPie/3.2.2
PostmanRuntime/7.42.0
insomnia/10.1.1
Go-http-client/1.1
Go-http-client/2.0
okhttp/4.12.0
okhttp/5.0.0-alpha.14
python-httpx/0.28.1
python-requests/2.32.3
python-requests/2.32.3,gzip(gfe)
Python/3.11 aiohttp/3.10.10
Python-urllib/3.11
python-urllib3/2.2.3
node-fetch
node-fetch/1.0 (+https://github.com/bitinn/node-fetch)
axios/1.7.7
undici
node
Deno/2.0.6
Bun/1.1.34
got (https://github.com/sindresorhus/got)
Ruby
Faraday v2.12.0
rest-client/2.1.0 (linux x86_64) ruby/3.2.2p53
GuzzleHttp/7
Java/17.0.13
Java-http-client/21.0.5
Apache-HttpClient/4.5.14 (Java/17.0.13)
Apache-HttpClient/5.3.1 (Java/21.0.5)
ReactorNetty/1.1.23
Dart/3.5 (dart:io)
reqwest/0.12.9
hyper/1.5.0
libwww-perl/6.77
kube-probe/1.30
Prometheus/2.54.1
ELB-HealthChecker/2.0
Envoy/HC
k6/0.54.0 (https://k6.io/)
locust/2.32.1
vLLM-benchmark/0.6
GitHubCopilotChat/0.22.2
GitHubCopilot/1.250.0
vscode/1.95.3
Visual-Studio-Code/1.95.3
Cursor/0.43.5
cursor-agent/2025.09.04
Zed/0.158.2
JetBrains-IDE/2024.2 (IntelliJ IDEA 2024.2.3)
codex_cli_rs/0.21.0 (Ubuntu 22.4.0; x86_64) xterm-256color
gemini-cli/0.1.18 (linux; x64)
GeminiCLI/v22.14.0 (linux; x64)
Aider/0.63.1
continue-dev/0.9.220
mcp-inspector/0.10.2
modelcontextprotocol-python/1.2.0
Slackbot 1.0 (+https://api.slack.com/robots)
Microsoft Office/16.0 (Windows NT 10.0; Microsoft Teams 24295.605.3225.8804; Pro)
Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)
Teams/1.7.00.34456
TeamsBot
triage-desk/2.1
desk-agent/2.3.0
claims-desk/4.2 (Windows NT 10.0)
ExampleClient/1.0.0
example-user-agent
internal-gateway/2024.11.3+build.7
[Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36]
Mozilla/2.0 (compatible; NEWT ActiveX; Win32)
Mozilla
Mozilla/5.0
Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)
Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.20348.2700
Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.4.6
Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0
Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36
Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1
Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1
Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.6723.102 Mobile Safari/537.36
Mozilla/5.0 (Linux; Android 13; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.41.98 Chrome/130.0.6723.137 Electron/33.2.0 Safari/537.36 Sonic Slack_SSB/4.41.98
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.95.3 Chrome/128.0.6613.186 Electron/32.2.1 Safari/537.36
Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.6778.33 Safari/537.36
Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.2; WOW64; Trident/7.0; .NET4.0C; .NET4.0E)
Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/110.0.0.0 Safari/537.36,gzip(gfe),gzip(gfe)
"""


def _browsers() -> list[str]:
    systems = (
        "Windows NT 10.0; Win64; x64",
        "Macintosh; Intel Mac OS X 10_15_7",
        "X11; Linux x86_64",
        "X11; CrOS x86_64 14541.0.0",
    )
    versions = [
        f"{_random.randint(99, 142)}.0.{_random.choice((0, 4844, 6723))}.{_random.choice((0, 83, 102))}"
        for _ in range(8)
    ]
    browsers = ("Chrome/{} Safari/537.36", "Chrome/{} Safari/537.36 Edg/{}", "Chrome/{} Safari/537.36 OPR/{}")
    return [
        f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) {browser.format(version, version)}"
        for system in systems
        for browser in browsers
        for version in versions
    ]


_REGIONS = """
us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 ca-west-1 mx-central-1 sa-east-1 eu-central-1 eu-central-2 eu-west-1 eu-west-2 eu-west-3 eu-north-1
eu-south-1 eu-south-2 eusc-de-east-1 il-central-1 me-central-1 me-south-1 af-south-1 ap-east-1 ap-east-2 ap-south-1 ap-south-2 ap-northeast-1 ap-northeast-2
ap-northeast-3 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 cn-north-1 cn-northwest-1 us-gov-east-1 us-gov-west-1
us-iso-east-1 us-isob-east-1 us-east-1a eu-central-1b us-west-2-lax-1a aws-global
eastus eastus2 eastus3 southcentralus northcentralus centralus westus westus2 westus3 westcentralus canadacentral canadaeast brazilsouth brazilsoutheast
mexicocentral northeurope westeurope uksouth ukwest francecentral francesouth germanywestcentral germanynorth switzerlandnorth switzerlandwest norwayeast
norwaywest swedencentral swedensouth polandcentral italynorth spaincentral austriaeast belgiumcentral denmarkeast qatarcentral uaenorth uaecentral israelcentral
southafricanorth southafricawest centralindia southindia westindia jioindiawest jioindiacentral eastasia southeastasia japaneast japanwest koreacentral koreasouth
australiaeast australiasoutheast australiacentral australiacentral2 newzealandnorth indonesiacentral malaysiawest chilecentral chinaeast2 chinanorth3
usgovvirginia usgovarizona usgovtexas usdodeast usdodcentral centraluseuap eastus2euap global westeurope-1
us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4 northamerica-northeast1 northamerica-northeast2 northamerica-south1
southamerica-east1 southamerica-west1 europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4
europe-west6 europe-west8 europe-west9 europe-west10 europe-west12 me-central1 me-central2 me-west1 africa-south1 asia-east1 asia-east2 asia-northeast1
asia-northeast2 asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 us eu asia nam4 eur3
us-central1-a us-central1-f europe-west4-b asia-east1-c
"West Europe" "East US" "East US 2" "UK South" "North Europe" "Germany West Central" "Sweden Central" "Australia East" "South Central US" "Switzerland North"
apac us-gov global-standard data-zone-us fra1 nyc3 sfo2 lon1 WEU EUS2 us-phoenix-1 eu-frankfurt-1 uk-london-1 us-ashburn-1 eu-de us-south jp-tok au-syd cn-hangzhou ap-singapore fsn1 hel1
"""


def _quoted(text: str) -> list[str]:
    parts = text.split('"')
    return [word for index, part in enumerate(parts) for word in ([part] if index % 2 else part.split())]


_ERRORS = """
AccessDeniedException AccessDenied ThrottlingException ValidationException ModelErrorException ModelError ModelNotReadyException ModelTimeoutException
ModelStreamErrorException ResourceNotFoundException ServiceQuotaExceededException ServiceUnavailableException InternalServerException InternalServerError
ConflictException UnauthorizedOperation Client.UnauthorizedOperation Client.DryRunOperation ExpiredTokenException UnrecognizedClientException InvalidSignatureException
InvalidClientTokenId IncompleteSignature RequestLimitExceeded LimitExceededException NotFoundException NoSuchBucket NoSuchKey NoSuchEntity InvalidParameterValue
InvalidCharacter UnknownParameter InvalidDBSnapshotState InvalidDeliveryChannelNameException InvalidInstanceID.NotFound InvalidGroup.Duplicate
InvalidPermission.NotFound BadRequestException TooManyRequestsException KMSInvalidStateException MalformedPolicyDocument PasswordPolicyViolation
InsufficientInstanceCapacity InternalFailure InternalError Throttling ThrottledException ProvisionedThroughputExceededException ConditionalCheckFailedException
invalid_api_key invalid_request_error insufficient_quota rate_limit_exceeded rate_limited rate_limit_error context_length_exceeded content_filter
content_policy_violation model_not_found unsupported_parameter unsupported_value unsupported_country_region_territory missing_required_parameter empty_array
string_above_max_length array_above_max_length integer_below_min_value invalid_type invalid_value invalid_prompt invalid_image_url image_parse_error server_error
billing_hard_limit_reached account_deactivated organization_not_found billing_not_active engine_overloaded tokens requests previous_response_not_found
authentication_error permission_error not_found_error request_too_large overloaded_error api_error invalid_credentials timeout_error billing_error tool_error
max_tokens_exceeded tool_use_failed json_validate_failed model_decommissioned model_terms_required blocked_api_access
INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE UNAUTHENTICATED PERMISSION_DENIED NOT_FOUND ABORTED ALREADY_EXISTS RESOURCE_EXHAUSTED CANCELLED DATA_LOSS
UNKNOWN INTERNAL UNIMPLEMENTED UNAVAILABLE DEADLINE_EXCEEDED API_KEY_INVALID SERVICE_DISABLED CONSUMER_INVALID ACCESS_TOKEN_EXPIRED RATE_LIMIT_EXCEEDED
PROHIBITED_CONTENT BLOCKED_REASON_UNSPECIFIED SAFETY google.rpc.Code.PERMISSION_DENIED
DeploymentNotFound ContentFilter content_filter_error ResponsibleAIPolicyViolation OperationNotSupported SubscriptionNotFound ResourceGroupNotFound
AuthorizationFailed InvalidAuthenticationToken InvalidResourceType SkuNotAvailable QuotaExceeded InsufficientQuota RequestRateTooLarge PrincipalNotFound
LinkedAuthorizationFailed ParentResourceNotFound RoleAssignmentExists AuthenticationFailed PublicAccessNotPermitted FeatureNotEnabled TokenLimitExceeded
BackendConnectionFailure ClientConnectionFailure SubscriptionKeyNotFound SubscriptionKeyInvalid OperationNotFound ExpressionValueEvaluationFailure
AuthenticationError PermissionDeniedError RateLimitError NotFoundError BadRequestError APIConnectionError APITimeoutError APIStatusError UnprocessableEntityError
ContextWindowExceededError ContentPolicyViolationError ServiceUnavailableError BudgetExceededError ProxyException ProxyModelNotFoundError RejectedRequestError
JSONSchemaValidationError UnsupportedParamsError InternalServerError litellm.RateLimitError litellm.exceptions.AuthenticationError openai.RateLimitError
openai.APIConnectionError anthropic.BadRequestError httpx.ReadTimeout httpcore.ConnectError requests.exceptions.ConnectionError asyncio.TimeoutError
botocore.exceptions.ClientError google.api_core.exceptions.ResourceExhausted java.net.SocketTimeoutException io.grpc.StatusRuntimeException
System.Threading.Tasks.TaskCanceledException ECONNREFUSED ECONNRESET ETIMEDOUT ENOTFOUND EAI_AGAIN ERR_BAD_REQUEST ERR_STREAM_PREMATURE_CLOSE UND_ERR_CONNECT_TIMEOUT
TypeError ValueError KeyError TimeoutError ConnectionError RuntimeError torch.OutOfMemoryError CUDA_ERROR_OUT_OF_MEMORY exceed_context_size_error
upstream_reset_before_response_started via_upstream no_healthy_upstream response_timeout UF UH UO URX NR DC LR UC
-32700 -32600 -32601 -32602 -32603 -32000 -32001 -32002 -32020 -32021 -32022 400 401 403 404 408 409 413 422 429 499 500 502 503 504 529 0 2003 4013 7009
cf_1015 10000 AADSTS50034 AADSTS700016 AADSTS7000215 AADSTS50076 AADSTS53003 0x80070005 E_ACCESSDENIED feature_blocked guardrail_intervened guardrail_blocked
moderation_blocked hook_failed hooks_failed unauthorized forbidden not_found too_many_requests bad_gateway gateway_timeout request_timeout canceled validation overloaded
incomplete_generation generation_error early_stop error.model_unavailable E1042 ORA-00942 23505 40P01
"""
_FINISH = """
stop length tool_calls function_call content_filter end_turn max_tokens stop_sequence tool_use pause_turn refusal model_context_window_exceeded
STOP MAX_TOKENS SAFETY RECITATION LANGUAGE OTHER BLOCKLIST PROHIBITED_CONTENT SPII MALFORMED_FUNCTION_CALL IMAGE_SAFETY UNEXPECTED_TOOL_CALL FINISH_REASON_UNSPECIFIED
NO_IMAGE TOO_MANY_TOOL_CALLS IMAGE_PROHIBITED_CONTENT FINISH FINISH_REASON_STOP COMPLETE ERROR ERROR_TOXIC ERROR_LIMIT USER_CANCEL LENGTH TOOL_CALL STOP_SEQUENCE TIMEOUT
guardrail_intervened content_filtered malformed_model_output malformed_tool_use endoftext endTurn tool_call completed incomplete failed cancelled in_progress queued
max_output_tokens eos_token eos abort error load unload repetition insufficient_system_resource model_length tool_call_pending CONTENT_FILTERED FINISHED
stop_string token_limit time_limit cancelled_by_user not_finished canceled max_time sensitive network_error budget_exceeded max_turns agent_limit
FinishReason.STOP FinishReason.MAX_TOKENS StopReason.end_turn stop_token max_new_tokens max_length stop_criteria_met null unknown none 1 2
"""
_TOOLS = """
get_weather get_current_weather web_search web_search_preview web_search_20250305 file_search code_interpreter computer computer_20241022 computer_use_preview bash
bash_20250124 text_editor_20250728 str_replace_editor str_replace_based_edit_tool image_generation mcp local_shell apply_patch shell read_file write_file list_dir
edit_file search_files grep glob Read Write Edit MultiEdit Bash Grep Glob LS Task TodoWrite WebFetch WebSearch NotebookEdit ExitPlanMode AskUserQuestion
writeFiles executeCode BingWebSearch googleSearch google_search_retrieval url_context codeExecution retrieval multi_tool_use.parallel python browser.open browser.find
container.exec functions.get_weather transfer_to_agent transfer_to_billing_agent handoff_to_support final_answer final_result submit think plan delegate_task_to_members
load_artifacts load_remote_image get_user_profile get_humidity get_temperature get_city_info get_cities_list get_joke get_news get_time top_song multiply add calculator
food_analysis scrape_website tavily_search_results_json tavily-search duckduckgo_search wikipedia arxiv python_repl_ast sql_db_query sql_db_schema sql_db_list_tables
OpenMeteoTool crm_lookup crm___find_customer orders___find_return notify_owner send_mail get_claim book_table create_ticket close-ticket lookup.order query_database
mcp__github__create_issue mcp__github__search_repositories mcp__github__get_pull_request_comments mcp__filesystem__read_text_file mcp__filesystem__list_allowed_directories
mcp__postgres__query mcp__slack__slack_post_message mcp__playwright__browser_navigate mcp__playwright__browser_take_screenshot mcp__linear__create_issue
mcp__atlassian__jira_search mcp__atlassian__confluence_get_page mcp__sentry__find_organizations mcp__memory__create_entities mcp__puppeteer__puppeteer_click
mcp__context7__resolve-library-id mcp__context7__get-library-docs mcp__claude_ai_Gmail__search_threads mcp__ide__getDiagnostics mcp__time__convert_time mcp__fetch__fetch
github__search_issues github-create_issue jira.search_issues confluence_search slack_post_message notion-search drive_search gmail_send calendar.create_event
stripe.create_refund salesforce_query hubspot-search-objects snowflake_query bigquery.execute_sql kubectl_get aws___search_documentation terraform_plan run_tests
Microsoft.Graph.SendMail msgraph_search SharePointSearch TeamsPost FetchOrders GetInvoice UpdateCase CreateServiceNowIncident x_amz_bedrock_agentcore_search
a-1 t search lookup query fetch run exec invoke emit rag_search vector_search kb.retrieve knowledge_base_search get_stock_price get_flight_status cancel_order
"""
_OPERATIONS = """
InvokeModel InvokeModelWithResponseStream InvokeModelWithBidirectionalStream Converse ConverseStream InvokeAgent InvokeInlineAgent InvokeFlow InvokeGateway InvokeAgentRuntime
InvokeCodeInterpreter InvokeEndpoint InvokeEndpointAsync InvokeEndpointWithResponseStream Retrieve RetrieveAndGenerate RetrieveAndGenerateStream ApplyGuardrail CountTokens
StartAsyncInvoke CreateModelInvocationJob ListFoundationModels GetFoundationModel GetFoundationModelAvailability PutModelInvocationLoggingConfiguration
DeleteModelInvocationLoggingConfiguration GetModelInvocationLoggingConfiguration CreateGuardrail UpdateGuardrail DeleteGuardrail CreateGuardrailVersion CreateAgent
CreateAgentActionGroup AssociateAgentKnowledgeBase CreateKnowledgeBase StartIngestionJob CreateModelCustomizationJob CreateProvisionedModelThroughput CreateFoundationModelAgreement
PutFoundationModelEntitlement PutUseCaseForModelAccess CreateInferenceProfile ChatSync Chat SearchRelevantContent CreatePlugin BatchPutDocument GetObject PutObject DeleteObject
GetCallerIdentity AssumeRole AssumeRoleWithWebIdentity AssumeRoleWithSAML ConsoleLogin CreateAccessKey AttachRolePolicy PutUserPolicy CreateUser CreateServiceLinkedRole
PutBucketPolicy PutBucketAcl PutBucketLifecycle PutBucketVersioning DeleteBucketEncryption RunInstances TerminateInstances ModifyInstanceAttribute AuthorizeSecurityGroupEgress
UpdateFunctionCode20150331 UpdateFunctionCode20150331v2 UpdateFunctionConfiguration20150331v2 CreateTrafficMirrorTarget ModifySnapshotAttribute DownloadDBLogFilePortion
AuthorizeDBSecurityGroupIngress DeleteDBInstanceAutomatedBackup GetIdentityVerificationAttributes Decrypt GenerateDataKey DisableKey GetParameters ListWebACLs DescribeTrail
ChatCompletions_Create ChatCompletions_Create_Stream Completions_Create Embeddings_Create Images_Create Responses_Create Audio_Transcribe ListKey RegenerateKey ContentFilter_Check
Microsoft.CognitiveServices/accounts/write Microsoft.CognitiveServices/accounts/delete Microsoft.CognitiveServices/accounts/listKeys/action
Microsoft.CognitiveServices/accounts/regenerateKey/action Microsoft.CognitiveServices/accounts/deployments/write Microsoft.CognitiveServices/accounts/deployments/delete
Microsoft.CognitiveServices/accounts/raiPolicies/write Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action
Microsoft.CognitiveServices/accounts/privateEndpointConnectionsApproval/action MICROSOFT.COGNITIVESERVICES/ACCOUNTS/DEPLOYMENTS/WRITE
Microsoft.ApiManagement/GatewayLogs Microsoft.ApiManagement/GatewayLlmLogs Microsoft.ApiManagement/service/apis/operations/policies/write
Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write Microsoft.MachineLearningServices/workspaces/connections/listsecrets/action
Microsoft.Insights/diagnosticSettings/write Microsoft.Insights/actionGroups/delete Microsoft.Authorization/roleAssignments/write Microsoft.Authorization/locks/delete
Microsoft.KeyVault/locations/deletedVaults/purge/action Microsoft.Network/networkSecurityGroups/securityRules/write Microsoft.Storage/storageAccounts/listKeys/action
Microsoft.Storage/storageAccounts/blobServices/containers/write Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies/delete
MICROSOFT.COMPUTE/VIRTUALMACHINESCALESETS/VIRTUALMACHINES/RUNCOMMAND/ACTION MICROSOFT.KUBERNETES/CONNECTEDCLUSTERS/RBAC.AUTHORIZATION.K8S.IO/CLUSTERROLEBINDINGS/WRITE
Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/delete microsoft.compute/disks/begingetaccess/action microsoft.authorization/policies/deployifnotexists/action
google.cloud.aiplatform.v1.PredictionService.GenerateContent google.cloud.aiplatform.v1.PredictionService.StreamGenerateContent google.cloud.aiplatform.v1.PredictionService.Predict
google.cloud.aiplatform.v1.PredictionService.RawPredict google.cloud.aiplatform.v1.PredictionService.StreamRawPredict google.cloud.aiplatform.v1.PredictionService.ChatCompletions
google.cloud.aiplatform.v1beta1.PredictionService.CountTokens google.cloud.aiplatform.v1beta1.LlmBidiService.BidiGenerateContent google.cloud.aiplatform.v1.EndpointService.DeployModel
google.cloud.aiplatform.v1.EndpointService.DeleteEndpoint google.cloud.aiplatform.v1.GenAiTuningService.CreateTuningJob google.cloud.aiplatform.v1beta1.ReasoningEngineExecutionService.QueryReasoningEngine
google.cloud.aiplatform.v1.JobService.CreateBatchPredictionJob google.cloud.aiplatform.ui.PredictionService.Predict google.cloud.discoveryengine.v1.ConversationalSearchService.AnswerQuery
google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent google.ai.generativelanguage.v1beta.GenerativeService.StreamGenerateContent
google.ai.generativelanguage.v1beta.GenerativeService.BatchEmbedContents google.ai.generativelanguage.v1beta.CacheService.CreateCachedContent
google.iam.admin.v1.CreateServiceAccount google.iam.admin.v1.CreateServiceAccountKey google.logging.v2.ConfigServiceV2.DeleteSink google.cloud.run.v1.Services.SetIamPolicy
v1.compute.instances.setMetadata v1.compute.snapshots.insert beta.compute.instances.insert storage.objects.get storage.buckets.create storage.setIamPermissions dns.managedZones.delete
io.k8s.core.v1.pods.create io.k8s.core.v1.pods.exec.create io.k8s.core.v1.secrets.get io.k8s.admissionregistration.v1.mutatingwebhookconfigurations.create io.k8s.networking.v1.ingresses.create
SetIamPolicy SignJwt TagKeys.ListTagKeys Encrypt DestroyCryptoKeyVersion GenerateContent StreamGenerateContent RawPredict ChatCompletion generateContent streamGenerateContent
chat completions messages complete embeddings responses chat_completions text_completion generate generate_stream completion acompletion aembedding aresponses atext_completion
aimage_generation amoderation arerank anthropic_messages pass_through_endpoint allm_passthrough_route images/generations audio/transcriptions moderations batches files threads.runs.create
tools/call tools/list resources/read resources/list resources/templates/list resources/subscribe prompts/get prompts/list initialize ping completion/complete logging/setLevel roots/list
sampling/createMessage elicitation/create notifications/initialized notifications/cancelled notifications/progress notifications/message notifications/tools/list_changed
notifications/resources/list_changed notifications/prompts/list_changed server/discover subscriptions/listen tasks/get
claude_chat_created claude_chat_viewed claude_chat_access_failed claude_artifact_published claude_project_created admin_api_key_created sso_login_succeeded org_user_invite_sent
api_key.created api_key.deleted invite.sent login.failed login.succeeded logout.succeeded organization.updated project.created rate_limit.updated service_account.created user.updated
user.deleted checkpoint.permission.created certificate.activated ip_allowlist.config.activated scim.enabled tunnel.created
copilot.cfb_seat_assignment_created copilot.cfb_seat_added copilot.knowledge_base_created copilot.content_exclusion_changed copilot.access_policy_update pull_request.create
CopilotInteraction AIInteractionCreatedNotification ConnectedAIAppInteraction CreateCopilotPlugin UpdateTenantSettings EnableCopilotPlugin CreatePromptBook feature_utilization feature_blocked
conversation summarize help_me_write generate_images_in_product take_notes_for_me proofread request LLM CHAIN TOOL RETRIEVER AGENT execute_tool invoke_agent create_agent retrieval
POST GET POST:/v1/chat/completions ai-proxy ai-proxy-advanced openai.chat.completions.create CreateChatCompletion ListModels
"""


def _endpoints() -> list[str]:
    hosts = _lines(
        """
        https://api.openai.com
        https://eu.api.openai.com
        https://acme-eu.openai.azure.com/openai
        https://api.anthropic.com
        https://api.mistral.ai
        https://api.groq.com/openai
        https://api.together.xyz
        https://openrouter.ai/api
        https://api.deepseek.com
        https://api.portkey.ai
        https://llm.northgate-insurance.com
        http://litellm.ai-platform.svc.cluster.local:4000
        http://vllm-llama-3-8b.inference.svc:8000
        http://localhost:8000
        http://127.0.0.1:11434
        http://10.0.12.7:8080
        """
    )
    paths = _lines(
        """
        /v1/chat/completions
        /v1/completions
        /v1/embeddings
        /v1/responses
        /v1/messages
        /v1/models
        /v1/moderations
        """
    )
    return [host + path for host in hosts for path in paths] + _lines(
        """
        /v1/chat/completions
        /v1/completions
        /v1/embeddings
        /v1/responses
        /v1/responses/compact
        /v1/messages
        /v1/messages/count_tokens
        /v1/messages/batches
        /v1/images/generations
        /v1/images/edits
        /v1/audio/transcriptions
        /v1/audio/speech
        /v1/moderations
        /v1/models
        /v1/files
        /v1/batches
        /v1/fine_tuning/jobs
        /v1/threads/runs
        /v1/assistants
        /v1/vector_stores
        /v1/realtime
        /v1/rerank
        /v1/score
        /v2/chat
        /v2/rerank
        /v1beta/models/gemini-2.5-flash:generateContent
        /v1beta/models/gemini-2.5-flash:streamGenerateContent
        /v1/projects/claims-prod-118/locations/europe-west4/publishers/google/models/gemini-2.5-pro:streamGenerateContent
        /v1/projects/claims-prod-118/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict
        /api/chat
        /api/generate
        /api/embed
        /api/embeddings
        /api/tags
        /api/pull
        /api/show
        /api/delete
        /api/version
        /completion
        /chat/completions
        chat/completions
        v1/chat/completions
        /generate
        /generate_stream
        /invocations
        /ping
        /health
        /metrics
        /tokenize
        /mcp
        /sse
        /messages
        /graphql
        /assist/v1/chat/completions
        /gateway/llm/openai/v1/chat/completions
        /openai/deployments/gpt-4o/chat/completions
        /openai/deployments/chat-eu/embeddings
        /openai/v1/responses
        /openai/realtime
        /models/chat/completions
        /model/anthropic.claude-3-5-haiku-20241022-v1%3A0/converse-stream
        /model/anthropic.claude-3-5-haiku-20241022-v1:0/invoke
        /model/eu.amazon.nova-pro-v1%3A0/invoke-with-response-stream
        /guardrail/gr7k2m9x0q1w/version/1/apply
        https://clinic-apim.azure-api.net/openai/deployments/triage-prod/chat/completions
        https://apim-tenants.azure-api.net/claude/v1/messages
        https://acme-eu.openai.azure.com/openai/deployments/chat-eu/chat/completions
        https://resource-name.cognitiveservices.azure.com/openai/deployments/gpt-5-nano/chat/completions
        https://acme-foundry.services.ai.azure.com/models/chat/completions
        https://acme-foundry.services.ai.azure.com/api/projects/support/agents
        https://mistral-large-abcde.swedencentral.models.ai.azure.com/v1/chat/completions
        https://gateway.ai.cloudflare.com/v1/0123456789abcdef0123456789abcdef/prod-gw/openai/chat/completions
        https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent
        https://us-central1-aiplatform.googleapis.com/v1/projects/acme-ml/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent
        https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse
        https://api-inference.huggingface.co/models/meta-llama/Llama-3.1-8B-Instruct
        https://api.cohere.com/v2/chat
        https://tools.porto-textil.com/mcp
        https://mcp.linear.app/sse
        https://api.githubcopilot.com/mcp/
        https://api.githubcopilot.com/chat/completions
        https://dbc-a1b2c3d4-e5f6.cloud.databricks.com/serving-endpoints/databricks-claude-sonnet-4/invocations
        https://api.openai.com/v1/
        api.openai.com
        api.anthropic.com
        bedrock-runtime.eu-central-1.amazonaws.com
        bedrock-runtime-fips.us-east-1.amazonaws.com
        bedrock.eu-central-1.amazonaws.com
        bedrock-agent-runtime.us-west-2.amazonaws.com
        crm-gateway-4kx2.gateway.bedrock-agentcore.eu-central-1.amazonaws.com
        qbusiness.eu-central-1.api.aws
        runtime.sagemaker.eu-central-1.amazonaws.com
        sts.amazonaws.com
        sts.eu-central-1.amazonaws.com
        s3.eu-central-1.amazonaws.com
        sample-bucket-great-proskuriakova.s3.us-west-2.amazonaws.com
        secretsmanager.us-west-2.amazonaws.com
        signin.aws.amazon.com
        aiplatform.googleapis.com
        europe-west4-aiplatform.googleapis.com
        llm-gw.internal:8443
        grpc://triton.inference.svc:8001
        stdio
        gmail
        docs
        drive
        slides
        meet
        Teams
        Word
        BizChat
        Outlook
        Excel
        """
    )


def _user_ids() -> list[str]:
    people = _lines(
        """
        nadia.rahman
        jkeller
        birgit.lang
        mara.winkler@nordwind-ag.com
        viktor.agent@nordlys.dk
        tomasz.zielinski@brightwater-bank.com
        dana+test@example.com
        o'brien@example.ie
        anne-marie.dubois@lumiere-conseil.fr
        j_doe
        NORDWIND\\mwinkler
        corp\\svc-llm
        mwinkler@corp.nordwind.local
        anna.berg_partner.com#EXT#@nordwind.onmicrosoft.com
        live.com#guest@example.com
        voice-desk@claims-prod-118.iam.gserviceaccount.com
        118-compute@developer.gserviceaccount.com
        service-118@gcp-sa-aiplatform.iam.gserviceaccount.com
        claims-prod-118@appspot.gserviceaccount.com
        serviceAccount:etl@claims-prod-118.iam.gserviceaccount.com
        principal://iam.googleapis.com/locations/global/workforcePools/corp/subject/mara.winkler
        principalSet://iam.googleapis.com/projects/118/locations/global/workloadIdentityPools/gh/attribute.repository/acme/app
        system:serviceaccount:ai-platform:litellm
        system:serviceaccount:kube-system:replicaset-controller
        system:node:ip-10-0-12-7.eu-central-1.compute.internal
        system:anonymous
        system:kube-controller-manager
        repo:acme/claims-api:ref:refs/heads/main
        arn:aws:iam::123456789012:root
        arn:aws:iam::123456789012:user/contractor
        arn:aws:iam::123456789012:user/travel/jkeller
        arn:aws:iam::123456789012:user/john.developer
        arn:aws:sts::123456789012:federated-user/mara
        arn:aws:sts::123456789012:assumed-role/claims-assistant/web-7f3c
        arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_DataScience_0a1b2c3d4e5f6071/mara.winkler@nordwind-ag.com
        arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAmazonEKSNodegroup/EKS
        arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling
        arn:aws:sts::123456789012:assumed-role/MyAppRole/i-0abcdef1234567890
        arn:aws:sts::123456789012:assumed-role/eks-claims-irsa/botocore-session-1718000000
        arn:aws:sts::123456789012:assumed-role/GitHubActions/GitHubActions
        arn:aws:sts::123456789012:assumed-role/claims-api-LambdaRole-1A2B3C4D5E6F/claims-api-prod
        arn:aws:sts::123456789012:assumed-role/ecsTaskExecutionRole/0f1e2d3c4b5a69788796a5b4c3d2e1f0
        arn:aws:sts::123456789012:assumed-role/OrganizationAccountAccessRole/ops
        arn:aws:sts::123456789012:assumed-role/AmazonBedrockExecutionRoleForAgents_AB12CD/agent
        arn:aws-cn:iam::123456789012:user/wei
        AIDACKCEVSQ6C2EXAMPLE
        AROAEXAMPLE:session-name
        AROACKCEVSQ6C2EXAMPLE:mara.winkler@nordwind-ag.com
        AKIAEXAMPLEKEYID:web
        config.amazonaws.com
        bedrock.amazonaws.com
        svc-batch
        svc_acct_provisioning
        agent-desk-7
        batch-mailer
        batch-summaries
        default_user_id
        default_user
        admin
        root
        anonymous
        indexer
        hr-desk
        enduser-5
        adjuster-42
        U024BE7LH
        W012A3CDE
        auth0|64f0c2a1b2c3d4e5f6071829
        google-oauth2|103118446744073709551
        okta|00u1a2b3c4D5E6F7g8h9
        00u1a2b3c4D5E6F7g8h9
        waad|kX9q2LmZ
        103118446744073709551
        7712001
        S-1-5-21-3623811015-3361044348-30300820-1013
        CN=ingest,OU=AI,O=Nordwind AG,C=DE
        spiffe://cluster.local/ns/ai-platform/sa/litellm
        i:0h.f|membership|10032000a1b2c3d4@live.com
        acct:mara@nordwind-ag.com
        urn:li:member:118
        +4915112345678
        test@example.com
        sub-triage
        portal-tenants
        user-x91
        key_7Qx2
        """
    )
    domains = (
        "nordwind-ag.com",
        "posteo.de",
        "tulip-bank.nl",
        "werft-nord.de",
        "harborview-clinic.org",
        "corp.example.co.uk",
    )
    names = ("karl.lang", "petra.kuhn", "noor.bakker", "ines.falk", "ops", "m.schmidt-berger", "li.wei2")
    return [
        *people,
        *(f"{name}@{domain}" for name in names for domain in domains),
        *_some(60, _uuid),
        *_some(20, lambda: f"user_{_of(_ALNUM, 24)}"),
        *_some(20, lambda: f"user-{_of(_ALNUM, 20)}"),
        *_some(20, lambda: f"arn:aws:sts::{_ACCOUNT}:assumed-role/AppRole/session-{_random.randint(1, 999)}"),
        *_some(15, lambda: f"AROA{_of(string.ascii_uppercase + '234567', 17)}:i-{_of(_HEX, 17)}"),
        *_some(15, lambda: f"u-{_random.randint(1, 9999)}"),
        *_some(10, lambda: _of(_HEX, 64)),
    ]


def _user_names() -> list[str]:
    return [
        *_lines(
            """
            contractor
            claims-assistant
            jkeller
            birgit.lang
            mara.winkler@nordwind-ag.com
            Mara Winkler
            Birgit Lang
            Dr. Jonas Keller
            Anne-Marie Dubois
            José García Márquez
            Tomasz Zieliński
            Søren Kierkegaard
            O'Brien, Patrick
            Winkler, Mara
            Winkler, Mara (Ext)
            Ludwig van der Berg
            María de los Ángeles
            Jean-Luc Picard
            Müller
            李伟
            王小明
            田中 太郎
            김민수
            Иван Петров
            Анна Сергеевна Иванова
            Γιώργος Παπαδόπουλος
            محمد علي
            राहुल शर्मा
            nguyễn văn an
            Nordwind Claims Bot
            Service Account
            Domain Admins
            AWSServiceRoleForAutoScaling
            AWSServiceRoleForAmazonEKSNodegroup
            AWSReservedSSO_DataScience_0a1b2c3d4e5f6071
            AmazonBedrockExecutionRoleForAgents_AB12CD
            CodeBuild
            DevAdministrator
            DBARole
            Admin
            root
            some_iam_user
            svc-llm
            hr-desk
            web-5512
            enduser-5
            newsroom
            dependabot[bot]
            github-actions[bot]
            copilot-swe-agent[bot]
            default_user
            admin-user
            NORDWIND\\mwinkler
            nordwind.onmicrosoft.com
            litellm-proxy
            a-role
            prod-key-2
            claims backend
            """
        ),
        *(
            f"{first}{join}{last}"
            for first in ("karl", "petra", "noor", "ines", "omar", "greta", "dana", "tjark")
            for last in ("lang", "kuhn", "bakker", "falk", "haddad", "lindholm")
            for join in (".", "_", "-", "", " ")
        ),
    ]


def _request_ids() -> list[str]:
    return [
        *_some(60, _uuid),
        *_some(20, lambda: f"chatcmpl-{_of(_ALNUM, 29)}"),
        *_some(10, lambda: f"chatcmpl-{_uuid()}"),
        *_some(10, lambda: f"chatcmpl-{_of(_HEX, 32)}"),
        *_some(10, lambda: f"cmpl-{_of(_ALNUM, 29)}"),
        *_some(10, lambda: f"cmpl-{_of(_HEX, 32)}-0"),
        *_some(20, lambda: f"req_{_of(_HEX, 32)}"),
        *_some(20, lambda: f"req_01{_of(_ALNUM, 22)}"),
        *_some(20, lambda: f"msg_01{_of(_ALNUM, 22)}"),
        *_some(10, lambda: f"msg_bdrk_01{_of(_ALNUM, 22)}"),
        *_some(20, lambda: f"resp_{_of(_HEX, 50)}"),
        *_some(10, lambda: f"gen-{_random.randint(1_700_000_000, 1_790_000_000)}-{_of(_ALNUM, 20)}"),
        *_some(10, lambda: f"o{_of(_ALNUM, 6)}-{_of(_ALNUM, 6)}-{_of(_HEX, 16)}"),
        *_some(10, lambda: f"audit_log-{_of(_ALNUM, 24)}"),
        *_some(10, lambda: f"activity_01{_of(_CROCKFORD, 22)}"),
        *_some(10, lambda: f"01{_of(_CROCKFORD, 24)}"),
        *_some(10, lambda: f"call_{_of(_ALNUM, 24)}"),
        *_some(10, lambda: f"toolu_01{_of(_ALNUM, 22)}"),
        *_some(10, lambda: _of(_HEX, 32)),
        *_some(10, lambda: _of(_HEX, 16)),
        *_some(10, lambda: str(_random.getrandbits(62))),
        *_some(5, lambda: f"-{_of(_LOWER, 12)}"),
        *_some(5, lambda: _of(string.ascii_uppercase + string.digits, 16)),
        *_some(5, lambda: f"1-{_of(_HEX, 8)}-{_of(_HEX, 24)}"),
        *_some(5, lambda: f"Root=1-{_of(_HEX, 8)}-{_of(_HEX, 24)}"),
        *_some(5, lambda: f"00-{_of(_HEX, 32)}-{_of(_HEX, 16)}-01"),
        *_some(5, lambda: f"{_of(_HEX, 16)}-FRA"),
        *_some(5, lambda: _of(_HEX, 32).upper()),
        *_some(5, lambda: f"{_of(_ALNUM, 22)}=="),
        *_some(5, lambda: f"{_of(_ALNUM, 20)}AAAA-{_of(_ALNUM, 6)}_w"),
        *_lines(
            """
            r-1
            r-9
            c1
            0
            17
            req-7f3a0015
            gw-8841
            req-cut-01
            C3A1:2F:118:9A:65E6
            chatcmpl-tool-1
            cmpl-11aa-0
            wXo3eT9xQ2m0001
            batch_req_67c1a90b21
            asst_abc123
            run_abc123
            thread_abc123
            3f7c1a90-1
            urn:uuid:4b1f2a9e-0c1d-4d68-9f0e-8f9d3c2b1a00
            {4B1F2A9E-0C1D-4D68-9F0E-8F9D3C2B1A00}
            """
        ),
    ]


def _conversations() -> list[str]:
    return [
        *_some(80, _uuid),
        *_some(20, lambda: f"resp_{_of(_HEX, 50)}"),
        *_some(20, lambda: f"conv_{_of(_HEX, 48)}"),
        *_some(20, lambda: f"thread_{_of(_ALNUM, 24)}"),
        *_some(20, lambda: f"01{_of(_CROCKFORD, 24)}"),
        *_some(20, lambda: f"19:{_of(_ALNUM, 22)}@thread.v2"),
        *_some(20, lambda: f"19:{_of(_HEX, 32)}@thread.tacv2"),
        *_some(10, lambda: f"19:{_uuid()}_{_uuid()}@unq.gbl.spaces"),
        *_some(20, lambda: f"claude_chat_01{_of(_ALNUM, 22)}"),
        *_some(20, lambda: _of(_HEX, 32)),
        *_some(20, lambda: f"sess-{_random.randint(1, 9999)}"),
        *_some(10, lambda: str(_random.getrandbits(62))),
        *_lines(
            "conv-4471\nconv-88a1\nclaude_chat_01Xy\n19:agent@thread.v2\nC024BE91L-1718000000.000100\nchat:eu:118\nticket/4471"
        ),
    ]


def _sessions() -> list[str]:
    return [
        *_some(80, _uuid),
        *_some(30, lambda: f"01{_of(_CROCKFORD, 24)}"),
        *_some(30, lambda: _of(_HEX, 32)),
        *_some(20, lambda: f"i-{_of(_HEX, 17)}"),
        *_some(20, lambda: f"sess_{_of(_ALNUM, 24)}"),
        *_some(20, lambda: f"botocore-session-{_random.randint(1_700_000_000, 1_790_000_000)}"),
        *_some(20, lambda: f"session-{_random.randint(1, 999)}"),
        *_some(20, lambda: f"sid:{_of(_ALNUM, 20)}"),
        *_some(20, lambda: f"mcp-session-{_uuid()}"),
        *_some(20, lambda: f"{_of(_LOWER, 10)}-{_random.randint(1, 99)}"),
        *_lines(
            """
            web-7f3c
            sess-4410
            s-1
            mcp-5521
            mara.winkler@nordwind-ag.com
            bobson.dugnutt
            user_name
            EKS
            CodeBuild
            AutoScaling
            AWS-SSO
            GitHubActions
            panther-snapshot-scheduler
            aws-go-sdk-1718000000000000000
            aws-sdk-js-session-1718000000000
            ecs-task-0f1e2d3c
            KubernetesSession-1
            CloudTrailLambda
            """
        ),
    ]


def _azure_ids() -> list[str]:
    kinds = _lines(
        """
        Microsoft.CognitiveServices/accounts/clinic-openai
        Microsoft.CognitiveServices/accounts/clinic-openai/deployments/triage-prod
        Microsoft.CognitiveServices/accounts/acme-foundry/projects/support
        Microsoft.CognitiveServices/accounts/acme-eu/raiPolicies/Microsoft.DefaultV2
        Microsoft.ApiManagement/service/clinic-apim
        Microsoft.ApiManagement/service/apim-tenants/apis/azure-openai
        Microsoft.MachineLearningServices/workspaces/ml-prod/onlineEndpoints/mistral-large
        Microsoft.Web/sites/chat-frontend
        Microsoft.Insights/components/appi-chat-prod
        Microsoft.Insights/diagnosticSettings/mydiagnostics
        Microsoft.KeyVault/vaults/mykeyvault
        Microsoft.Storage/storageAccounts/mystorage/blobServices/default/containers/my-container
        Microsoft.Storage/storageAccounts/proddata/blobServices/default/containers/financial-records/immutabilityPolicies/default
        Microsoft.Network/networkSecurityGroups/mynsg/securityRules/AllowRDP
        Microsoft.Compute/virtualMachineScaleSets/web-vmss/virtualMachines/0
        Microsoft.Automation/automationAccounts/ProdAccount/runbooks/UpdateScript
        Microsoft.Kubernetes/connectedClusters/production-arc/rbac.authorization.k8s.io/clusterrolebindings/cluster-admin-binding
        Microsoft.Authorization/roleAssignments/d4e5f6a7-b8c9-0123-def4-111111111111
        Microsoft.OperationalInsights/workspaces/law-central
        Microsoft.Search/searchServices/rag-search-eu
        """
    )
    groups = ("rg-clinic", "myresourcegroup", "MC_aks-prod_aks-prod_westeurope", "prod-rg", "rg-ai-platform-weu-001")
    ids = [f"/subscriptions/{_uuid()}/resourceGroups/{_random.choice(groups)}/providers/{kind}" for kind in kinds * 3]
    return [
        value.upper() if number % 3 == 1 else value.lower() if number % 3 == 2 else value
        for number, value in enumerate(ids)
    ]


def _resources() -> list[str]:
    return [
        *_azure_ids(),
        *_some(20, lambda: f"arn:aws:bedrock:eu-central-1:{_ACCOUNT}:application-inference-profile/{_of(_LOWER, 12)}"),
        *_some(20, lambda: f"arn:aws:bedrock:us-east-1:{_ACCOUNT}:guardrail/{_of(_LOWER, 12)}"),
        *_some(
            20, lambda: f"arn:aws:bedrock:us-east-1:{_ACCOUNT}:agent-alias/{_of(string.ascii_uppercase, 10)}/TSTALIASID"
        ),
        *_some(20, lambda: f"arn:aws:bedrock:us-east-1:{_ACCOUNT}:knowledge-base/{_of(string.ascii_uppercase, 10)}"),
        *_some(20, lambda: f"arn:aws:bedrock-agentcore:eu-central-1:{_ACCOUNT}:runtime/returns_desk-{_of(_ALNUM, 10)}"),
        *_some(20, lambda: f"projects/claims-prod-118/locations/europe-west4/endpoints/{_random.getrandbits(60)}"),
        *_some(20, lambda: f"ai-platform/litellm-{_of(_HEX, 10)}-{_of(_LOWER, 5)}/proxy"),
        *_some(20, _uuid),
        *_lines(
            """
            arn:aws:bedrock-agentcore:eu-central-1:123456789012:gateway/orders-gw-4kx2
            arn:aws:bedrock-agentcore:eu-central-1:aws:browser/aws.browser.v1
            arn:aws:bedrock-agentcore:eu-central-1:123456789012:code-interpreter/aws.codeinterpreter.v1
            arn:aws:bedrock-agentcore:eu-central-1:123456789012:memory/returns_memory-8k2pq9RtyH
            arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-3-5-sonnet-20240620-v1:0
            arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0
            arn:aws:sagemaker:eu-central-1:123456789012:endpoint/fraud-llm-prod
            arn:aws:sagemaker:eu-central-1:123456789012:inference-component/llama-3-8b-20250101-120000
            arn:aws:s3:::sample-cloudtrail-bucket-name
            arn:aws:s3:::example-bucket/example-object
            arn:aws:kms:us-west-1:123456789012:key/e2c16323-1c31-45fb-adda-07e5c9f78997
            arn:aws:lambda:us-west-2:123456789012:function:claims-api:prod
            arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling
            arn:aws:logs:us-east-1:123456789012:log-group:/aws/bedrock/modelinvocations:*
            arn:aws:secretsmanager:us-west-2:123456789012:secret:paloma/example-secret-AbCdEf
            arn:aws:elasticloadbalancing:us-west-2:012345678910:loadbalancer/app/web/84dc5457e450dba5
            projects/claims-prod-118/locations/europe-west4/publishers/google/models/gemini-2.5-pro
            projects/claims-prod-118/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-5
            projects/_/buckets/test-bucket/objects/file.txt
            projects/-/serviceAccounts/114885146936855121342
            projects/test-project/locations/us/keyRings/test-keyring/cryptoKeys/test-key/cryptoKeyVersions/1
            projects/example-project/zones/us-central1-f/instances/example-instance
            projects/some-project/locations/us-west1/services/cloudrun-exfil
            organizations/118/locations/global/workforcePools/corp
            models/gemini-2.5-flash
            managedZones/test-zone
            core/v1/namespaces/default/pods/test-runasroot-pod
            admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar
            networking.k8s.io/v1/namespaces/production/ingresses/web-ingress
            claims/claims-assistant-7d9f-x2x1q/app
            proxy-2/litellm.service
            i-0abcdef1234567890
            gr7k2m9x0q1w
            cmy5azq5koeo
            claude_proj_01Of
            admin_key_01
            key_7Qx2
            user-x91
            llm-gateway
            /readyz
            vllm-0
            ip-10-0-12-7.eu-central-1.compute.internal
            """
        ),
    ]


def _tags() -> list[str]:
    namespaces = ("ai-platform", "claims", "inference", "kube-system", "default", "rag-prod")
    apps = ("litellm", "vllm-llama-3-8b", "envoy-ai-gateway", "chat-frontend", "ollama", "claims-assistant")
    return [
        *(
            f"kube.var.log.containers.{app}-{_of(_HEX, 10)}-{_of(_LOWER, 5)}_{namespace}_{app}-{_of(_HEX, 64)}.log"
            for app in apps
            for namespace in namespaces
        ),
        *(f"kubernetes.{namespace}.{app}" for app in apps for namespace in namespaces),
        *_some(
            40,
            lambda: (
                f"kubernetes.var.log.pods.ai-platform_litellm-{_of(_HEX, 10)}-{_of(_LOWER, 5)}_{_uuid()}.proxy.{_random.randint(0, 9)}.log"
            ),
        ),
        *_some(40, lambda: f"docker.{_of(_HEX, 12)}"),
        *_some(40, lambda: f"docker.{_of(_HEX, 64)}"),
        *_lines(
            """
            ai
            ai.bedrock
            ai.openai_gateway
            aws.bedrock.invocation
            aws.cloudtrail
            azure.monitor
            gcp.audit
            ai.*
            raw.ai
            clean.ai.bedrock
            app.chat.prod
            td.apache.access
            fluent.info
            fluentd.test.tag
            debug.test
            syslog.local0.info
            syslog.authpriv.notice
            systemd.llama-server.service
            host.var.log.vllm.log
            var.log.nginx.access.log
            nginx-access
            tail.0
            tail.1
            forward.0
            http.0
            v1_logs
            otlp.logs
            opentelemetry.0
            /var/log/vllm/server.log
            C:.logs.llm.log
            litellm_proxy:stdout
            journal.kernel
            winlog.Security
            kafka.ai-logs.3
            ec2.i-0abcdef1234567890.litellm
            ecs.claims-cluster.claims-api.0f1e2d3c4b5a69788796a5b4c3d2e1f0
            claims-api-firelens-0f1e2d3c4b5a69788796a5b4c3d2e1f0
            """
        ),
    ]


_PROVIDERS = """
openai azure azure.ai.openai azure.ai.inference azure_openai azure_ai anthropic aws.bedrock aws_bedrock bedrock bedrock_converse aws.sagemaker sagemaker sagemaker_chat aws.q_business gcp.gemini
gcp.vertex_ai gcp.gen_ai google vertexai vertex_ai vertex_ai_beta gemini google_genai palm cohere cohere_chat mistral mistral_ai mistralai groq together together_ai togetherai fireworks
fireworks_ai deepseek deepinfra perplexity xai x_ai openrouter ollama ollama_chat vllm hosted_vllm llama.cpp llamacpp tgi huggingface hugging_face replicate anyscale ai21 ai21_chat aleph_alpha
cerebras sambanova nvidia_nim nvidia nlp_cloud databricks snowflake watsonx ibm.watsonx.ai ibm_watsonx voyage jina jina_ai baseten cloudflare cloudflare.workers_ai workers-ai moonshot
moonshot_ai zhipu zai dashscope qwen volcengine minimax baichuan novita lambda_ai hyperbolic nebius github github.copilot github_copilot microsoft.copilot text-completion-openai
text-completion-codestral openai_compatible openai_like custom_openai custom litellm_proxy portkey llm_gateway triton petals xinference lm_studio lmstudio infinity predibase friendliai galadriel
featherless_ai heroku oci oci.generative_ai v0 morph bytez mock aws gcp langchain crewai openai-agents pydantic_ai
"""
_DEPARTMENTS = """
Finance
Claims
Research & Development
R&D
Human Resources
Legal and Compliance
IT Operations
Sales EMEA
Customer Support
Data Science
Forschung und Entwicklung
Vertrieb Süd
Kundenservice
Ressources humaines
Direction financière
Radiology
Emergency Medicine
Werk 3
HR
it-ops
claims_de
Underwriting
Marketing
Engineering
"""
_VERSIONS = """
2024-11-20 2024-08-06 2024-05-13 2025-01-01-preview 2023-07-01-preview 0613 0125 1106-Preview turbo-2024-04-09 001 002 1 2 7 v1 v2 v1:0 v0.3 1.0 20240620 20241022 3.2.1 latest default
fp_44709d6fcb /opt/ml/model llama3.2:latest gemini-2.5-pro-001 gemini-2.0-flash-001 claude-sonnet-4-5-20250929 gpt-4o-2024-11-20 gpt-3.5-turbo-instruct:20230824-v2 davinci:2023-07-21-v2
"""


def _accounts() -> list[str]:
    return [
        *_some(60, lambda: _of(string.digits, 12)),
        *_some(60, _uuid),
        *_some(30, lambda: _uuid().upper()),
        *_some(30, lambda: f"org-{_of(_ALNUM, 24)}"),
        *_some(20, lambda: f"org_01{_of(_ALNUM, 22)}"),
        *_some(20, lambda: f"proj_{_of(_ALNUM, 24)}"),
        *_some(20, lambda: f"user-{_of(_LOWER, 24)}"),
        *_some(20, lambda: f"wrkspc_01{_of(_ALNUM, 22)}"),
        *_some(20, lambda: _of(_HEX, 32)),
        *_lines(
            """
            claims-prod-118
            support-prod
            test-project-123456
            western-verve-123456
            aca-labs-1
            northgate
            nordwind-ag.com
            nordwind.onmicrosoft.com
            C02werft1
            118
            team-claims
            org-9
            enterprises/LC01abcdefg
            organizations/118446744073
            example.com:legacy-project
            default
            acme_eu
            """
        ),
    ]


_MODELS: Final = " ".join((_OPENAI, _ANTHROPIC, _GOOGLE, _BEDROCK, _HUGGING_FACE, _OTHERS)).split()

NAMES_THAT_FIT: Final[dict[str, list[str]]] = {
    "model_name": _MODELS,
    "model_version": [*_VERSIONS.split(), *_MODELS],
    "user_agent": [*_lines(_USER_AGENTS), *_browsers()],
    "request_id": _request_ids(),
    "endpoint": _endpoints(),
    "error_code": _ERRORS.split(),
    "finish_reasons": _FINISH.split(),
    "tool_calls.name": _TOOLS.split(),
    "cloud.provider": [
        "aws",
        "azure",
        "gcp",
        "openai",
        "anthropic",
        "google",
        "microsoft",
        "cloudflare",
        "oci",
        "ibm",
        "alibaba_cloud",
        "digitalocean",
    ],
    "cloud.region": _quoted(_REGIONS),
    "cloud.account_id": _accounts(),
    "cloud.resource": _resources(),
    "tenant_id": _accounts(),
    "organization_id": _accounts(),
    "user_id": _user_ids(),
    "user_name": _user_names(),
    "user_department": _lines(_DEPARTMENTS),
    "session_id": _sessions(),
    "conversation_id": _conversations(),
    "provider": _PROVIDERS.split(),
    "api_operation": _OPERATIONS.split(),
    "tag": _tags(),
    "client_ip": [
        *[
            "203.0.113.9",
            "127.0.0.1",
            "10.0.12.7",
            "172.16.0.1",
            "192.168.1.254",
            "2001:db8:40::17",
            "::1",
            "fe80::1",
            "::ffff:203.0.113.7",
            "2001:db8::1",
        ],
        *_some(60, lambda: ".".join(str(_random.randint(0, 255)) for _ in range(4))),
        *_some(60, lambda: "2001:db8:" + ":".join(f"{_random.getrandbits(16):x}" for _ in range(6))),
    ],
}
"""Field to names. ``request_id`` and others have made-up members of each vendor's form; the seed is fixed."""

RARELY_FIT: Final = [
    "resp_"
    + base64.urlsafe_b64encode(
        b"litellm:custom_llm_provider:openai;model_id:None;response_id:resp_67ccd2bed1ec8190"
    ).decode(),
]
"""Real ones that say something in base64 (LiteLLM's response ids): to hash them is right, if a pity."""
