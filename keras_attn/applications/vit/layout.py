"""Distribution of a Vision Transformer's weights over devices."""

import keras

# Split by columns into heads and hidden units, and by rows out of them. Only
# the sums after `projection` and `mlp2` are communicated between devices.
_COLUMNS = ("attention/qkv", "mlp1", "value")
_ROWS = ("attention/projection", "mlp2")


def layout_map(
    device_mesh: keras.distribution.DeviceMesh, axis: str = "model"
) -> keras.distribution.LayoutMap:
    """Returns a layout that distributes the blocks of a ViT over devices.

    The linear layers of each block are split: `qkv`, `mlp1` and the `value` of
    a separate gate by their outputs, `projection` and `mlp2` by their inputs.
    All other weights are replicated on each device. Like Keras'
    `ModelParallel`, this works only with JAX.

    Reference: Shoeybi et al., "Megatron-LM: Training Multi-Billion Parameter
    Language Models Using Model Parallelism",
    [arXiv:1909.08053](https://arxiv.org/abs/1909.08053), section 3.

    Args:
        device_mesh: A `keras.distribution.DeviceMesh`. The size of its axis
            `axis` must divide `mlp_dim` and three times the total size of all
            heads. It should also divide the number of heads; otherwise
            attention scores are sent between devices.
        axis: Name of the mesh axis over which weights are split. Defaults to
            `"model"`.

    Returns:
        A `keras.distribution.LayoutMap`.

    Raises:
        ValueError: If the mesh does not have this axis.

    Example:

    >>> mesh = keras.distribution.DeviceMesh(
    ...     (1, 1), ("batch", "model"), ["cpu:0"]
    ... )
    >>> layout = keras_attn.applications.vit.layout_map(mesh)
    >>> layout["block12_mlp1/kernel"].axes
    (None, 'model')

    Set it before the model is created to distribute the model and the images:

    ```python
    mesh = keras.distribution.DeviceMesh(
        (2, 4), ("batch", "model"), keras.distribution.list_devices()
    )
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(
            layout_map=keras_attn.applications.vit.layout_map(mesh),
            batch_dim_name="batch",
        )
    )
    model = keras_attn.applications.ViTLarge16()
    ```
    """
    if axis not in device_mesh.axis_names:
        raise ValueError(
            "`axis` must be an axis of the mesh. "
            f"Received: axis={axis!r}, axis_names={device_mesh.axis_names}"
        )
    layout = keras.distribution.LayoutMap(device_mesh)
    for name in _COLUMNS:
        layout[rf"block\d+_{name}/kernel"] = (None, axis)
        layout[rf"block\d+_{name}/bias"] = (axis,)
    for name in _ROWS:
        layout[rf"block\d+_{name}/kernel"] = (axis, None)
    return layout
