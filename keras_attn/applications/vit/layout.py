"""How the weights of a Vision Transformer are shared among devices."""

import keras

# By columns into the heads and the inner numbers, and by rows out of them: so
# only the sums after `projection` and `mlp2` go from device to device.
_COLUMNS = ("attention/qkv", "mlp1")
_ROWS = ("attention/projection", "mlp2")


def layout_map(
    device_mesh: keras.distribution.DeviceMesh, axis: str = "model"
) -> keras.distribution.LayoutMap:
    """Returns the layout by which a ViT's blocks are shared among devices.

    The linear layers of each block are divided: `qkv` and `mlp1` by their
    outputs, `projection` and `mlp2` by their inputs. All other weights are on
    each device whole. On JAX, as Keras' `ModelParallel` is.

    Reference: Shoeybi et al., "Megatron-LM: Training Multi-Billion Parameter
    Language Models Using Model Parallelism",
    [arXiv:1909.08053](https://arxiv.org/abs/1909.08053), section 3.

    Args:
        device_mesh: A `keras.distribution.DeviceMesh`. The size of its axis
            `axis` should divide the number of heads, or scores are sent
            around, and must divide `mlp_dim` and three times the numbers of
            all heads.
        axis: Name of the axis of the mesh among which weights are divided.
            Defaults to `"model"`.

    Returns:
        A `keras.distribution.LayoutMap`.

    Raises:
        ValueError: If the mesh has no such axis.

    Example:

    >>> mesh = keras.distribution.DeviceMesh(
    ...     (1, 1), ("batch", "model"), ["cpu:0"]
    ... )
    >>> layout = keras_attn.applications.vit.layout_map(mesh)
    >>> layout["block12_mlp1/kernel"].axes
    (None, 'model')

    Set before the model is made, it shares the model, and images too:

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
            "`axis` must be one of the mesh's. "
            f"Received: axis={axis!r}, axis_names={device_mesh.axis_names}"
        )
    layout = keras.distribution.LayoutMap(device_mesh)
    for name in _COLUMNS:
        layout[rf"block\d+_{name}/kernel"] = (None, axis)
        layout[rf"block\d+_{name}/bias"] = (axis,)
    for name in _ROWS:
        layout[rf"block\d+_{name}/kernel"] = (axis, None)
    return layout
